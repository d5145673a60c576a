import CLinux
// A look into a cache's folder from outside, while a gateway may own it: reads, and neither counts, checks nor mends.
package import CachePolicy
import Glibc

/// The folder of a cache that another process may be using.
package struct CacheGlance: Sendable {
    private let path: String

    package init(path: String) { self.path = path }

    /// What is stored beside an object; nil when there is no such object, or its header cannot be read. Blocks.
    package func description(of key: ObjectKey) -> ObjectDescription? {
        let file = "\(path)/objects/\(ObjectPath(key).string)"
        // The path is a string that outlives the call.
        let number = unsafe open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard number >= 0 else { return nil }
        let descriptor = Descriptor(number)
        guard let bytes = try? descriptor.read(at: 0, count: 64 << 10),
            let header = try? ObjectHeader(decoding: bytes, of: key)
        else { return nil }
        return header.description
    }
}
