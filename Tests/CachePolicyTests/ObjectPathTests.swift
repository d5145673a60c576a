// Names on disk bind: a change here makes every stored object unreachable.
import CachePolicy
import DICOM
import Testing

@Suite struct ObjectPathTests {
    static let readable: [(ObjectClass, String)] = [
        (.instance(syntax: "stored"), "instance,stored"),
        (.instance(syntax: "1.2.840.10008.1.2.1"), "instance,1.2.840.10008.1.2.1"),
        (.frame(1, syntax: "stored"), "frames/0/1,stored"),
        (.frame(999, syntax: "stored"), "frames/0/999,stored"),
        (.frame(1000, syntax: "stored"), "frames/1/1000,stored"),
        (.frame(123_456, syntax: "1.2.840.10008.1.2.1"), "frames/123/123456,1.2.840.10008.1.2.1"),
        (.metadata(.json), "metadata.json"), (.metadata(.xml), "metadata.xml"),
        (.bulk(tail: "bulk/00420011"), "bulk/bulk,00420011"),
        (.bulk(tail: "00409096/1/00409092"), "bulk/00409096,1,00409092"),
        (.rendered(frame: nil, parameters: "", type: "image/jpeg"), "rendered/all,image_jpeg"),
        (
            .rendered(frame: 17, parameters: "quality=90&viewport=512,512", type: "image/jpeg"),
            "rendered/17,image_jpeg,quality=90_viewport=512,512"
        ),
        (.thumbnail(frame: 2, parameters: "viewport=64,64", type: "image/png"), "thumbnail/2,image_png,viewport=64,64"),
    ]

    @Test(arguments: readable) func namesAreReadable(object: ObjectClass, name: String) throws {
        let path = ObjectPath(try key(object)).string
        #expect(path == "_/" + fanOut + "/1.2.840.1/1.2.840.2/1.2.840.3/" + name)
    }

    /// The hash of the Study UID 1.2.840.1, as it is in caches that are in use.
    private var fanOut: String { "15/37" }

    @Test func longAndStrangePartsBecomeHashes() throws {
        #expect(try name(.bulk(tail: "../../etc/passwd")).hasPrefix("="))
        #expect(try name(.bulk(tail: "a,b")).hasPrefix("="))
        #expect(try name(.bulk(tail: String(repeating: "7", count: 161))).count == 33)
        #expect(try name(.bulk(tail: String(repeating: "7", count: 160))).count == 160)
    }

    @Test(arguments: everyClass) func everyComponentIsSafe(object: ObjectClass) throws {
        for tenant in ["_"] + hostileTexts {
            for component in ObjectPath(try key(object, tenant: tenant)).components {
                #expect((1...255).contains(component.utf8.count))
                #expect(component.utf8.allSatisfy(isAllowed))
                #expect(component != "." && component != ".." && !component.hasPrefix("-"))
            }
        }
    }

    @Test func differentKeysHaveDifferentPaths() throws {
        var owners: [String: ObjectKey] = [:]
        for tenant in Set(["_"] + hostileTexts) {
            for object in Set(everyClass) {
                let key = try key(object, tenant: tenant)
                #expect(owners.updateValue(key, forKey: ObjectPath(key).string) == nil)
            }
        }
    }

    @Test func aSeriesAndAStudyAreFoldersAboveTheirObjects() throws {
        let key = try key(.metadata(.json))
        let series = ObjectPath(key.seriesKey).components
        #expect(series.count == ObjectPath.seriesDepth)
        #expect(Array(ObjectPath(key).components.prefix(series.count)) == series)
        #expect(ObjectPath(tenant: key.tenant, study: key.study).components == Array(series.dropLast()))
    }

    private func name(_ object: ObjectClass) throws -> String { ObjectPath(try key(object)).name }

    private func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("._=,-".utf8).contains(byte)
        }
    }
}
