// From a place in the cache's tree back to the class of what stands there: how files are counted without being read.
import DICOM

extension ObjectPath {
    /// The word for files below a series' folder that the cache did not put there.
    package static let foreignClass = "foreign"

    /// The word of ``ObjectClass`` for a file, by the names that lead from its series' folder to it.
    package static func objectClass(below names: some Collection<String>) -> String {
        guard let first = names.first else { return foreignClass }
        let isOfInstance = UID(first) != nil
        guard let name = isOfInstance ? names.dropFirst().first : first else { return foreignClass }
        let word = name.prefix { $0 != "," && $0 != "." }
        switch word {
        case "frames": return "frame"
        case "instance", "frame-index", "bulk", "rendered", "thumbnail":
            return isOfInstance ? String(word) : foreignClass
        case "members": return isOfInstance ? foreignClass : "members"
        case "metadata": return "metadata"
        default: return foreignClass
        }
    }
}
