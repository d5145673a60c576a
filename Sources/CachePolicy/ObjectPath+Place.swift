// What may stand where below `objects`: how a walk tells the cache's own folders and files from anybody else's.
// Knows no file system.
import DICOM

extension ObjectPath {
    /// What the cache itself could have put in a place.
    package enum Place: Sendable, Equatable {
        case folder
        /// An object's file, or whatever stands in its way.
        case object
        /// A document of a study beside its series; checked by whoever reads it.
        case document
        /// Nothing: what stands there is somebody else's.
        case nothing
    }

    /// The folder of a tenant.
    package static func tenantFolder(_ tenant: String) -> String { safeName(tenant, upTo: 64) }

    /// How many components lead from the tenant to the deepest file.
    package static let mostComponents = 9

    /// What the cache could have put at the end of `components`, which begin with the tenant and lead through folders of
    /// its own.
    package static func place(of components: [String]) -> Place {
        guard let name = components.last, components.count <= mostComponents else { return .nothing }
        switch components.count {
        case 1: return isTenant(name) ? .folder : .nothing
        case 2, 3: return name.utf8.count == 2 && name.utf8.allSatisfy(isHexadecimal) ? .folder : .nothing
        case 4:
            // A study in the wrong place would be counted, but never found.
            guard let study = UID(name), study.string == name else { return .nothing }
            return directory(tenant: "_", study: study)[1...] == components[1...] ? .folder : .nothing
        case 5: return isUID(name) ? .folder : studyDocuments.contains(name) ? .document : .nothing
        case 6: return isUID(name) ? .folder : seriesFiles.contains(name) ? .object : .nothing
        case 7: return placeInInstance(name)
        default: return placeBelowInstance(components[6], components[7...])
        }
    }

    /// What stands beside a study's series.
    private static let studyDocuments: Set<String> = [studyDocument]
    private static let seriesFiles: Set<String> = ["members", "metadata.json", "metadata.xml"]
    private static let instanceFiles: Set<String> = ["frame-index", "metadata.json", "metadata.xml"]
    private static let instanceFolders: Set<String> = ["frames", "bulk", "rendered", "thumbnail"]

    private static func placeInInstance(_ name: String) -> Place {
        if instanceFolders.contains(name) { return .folder }
        return instanceFiles.contains(name) || name.hasPrefix("instance,") ? .object : .nothing
    }

    private static func placeBelowInstance(_ folder: String, _ rest: ArraySlice<String>) -> Place {
        guard let name = rest.last else { return .nothing }
        guard folder == "frames" else { return rest.count == 1 && isFileName(name) ? .object : .nothing }
        if rest.count == 1 { return !name.isEmpty && name.utf8.allSatisfy(isDigit) ? .folder : .nothing }
        guard let comma = name.firstIndex(of: ","), comma != name.startIndex, isFileName(name) else { return .nothing }
        return name[..<comma].utf8.allSatisfy(isDigit) ? .object : .nothing
    }

    private static func isTenant(_ name: String) -> Bool { safeName(name, upTo: 64) == name || isHashedName(name) }

    private static func isUID(_ name: String) -> Bool { UID(name)?.string == name }

    /// Whether a file's name has the cache's own letters only.
    private static func isFileName(_ name: String) -> Bool { safeName(name, upTo: 255) == name || isHashedName(name) }

    private static func isHashedName(_ name: String) -> Bool {
        name.first == "=" && name.utf8.count == 33 && name.utf8.dropFirst().allSatisfy(isHexadecimal)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte) }
}
