// A walk must take everything for its own that a key can lead to, and nothing else.
import CachePolicy
import DICOM
import Testing

@Suite struct ObjectPathPlaceTests {
    @Test(arguments: everyClass, ["_", "Klinik für Radiologie", "-rf", "clinic.north"])
    func everyKeyLeadsThroughFoldersToAnObject(object: ObjectClass, tenant: String) throws {
        let components = ObjectPath(try key(object, tenant: tenant)).components
        for count in 1..<components.count {
            #expect(ObjectPath.place(of: Array(components[..<count])) == .folder, "\(components[..<count])")
        }
        #expect(ObjectPath.place(of: components) == .object, "\(components)")
    }

    @Test func whatBelongsToASeriesIsAnObject() throws {
        for object in [ObjectClass.members, .metadata(.json), .metadata(.xml)] {
            var key = try key(object)
            key.instance = nil
            #expect(ObjectPath.place(of: ObjectPath(key).components) == .object)
        }
    }

    static let foreign = [
        ".hidden", "a b", "-rf", "_/zz", "_/3", "_/3F", "_/15/37/notes.txt", "_/15/38/1.2.840.1",
        "_/15/37/1.2.840.1/notes",
        "_/15/37/1.2.840.1/1.2.3/notes", "_/15/37/1.2.840.1/1.2.3/instance,stored",
        "_/15/37/1.2.840.1/1.2.3/1.2.4/notes",
        "_/15/37/1.2.840.1/1.2.3/1.2.4/frames/x", "_/15/37/1.2.840.1/1.2.3/1.2.4/frames/0/17",
        "_/15/37/1.2.840.1/1.2.3/1.2.4/frames/0/,stored", "_/15/37/1.2.840.1/1.2.3/1.2.4/frames/0/x,stored",
        "_/15/37/1.2.840.1/1.2.3/1.2.4/rendered/.x", "_/15/37/1.2.840.1/1.2.3/1.2.4/bulk/a/b",
        "_/15/37/1.2.840.1/1.2.3/1.2.4/frames/0/17,stored/x",
    ]

    @Test(arguments: foreign) func anythingElseIsSomebodyElses(path: String) {
        #expect(ObjectPath.place(of: path.split(separator: "/").map(String.init)) == .nothing)
    }
}
