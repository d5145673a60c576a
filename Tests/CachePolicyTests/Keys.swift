// Keys for the tests of this room.
import CachePolicy
import DICOM

func uid(_ text: String) throws -> UID {
    struct NoUID: Error {}
    guard let uid = UID(text) else { throw NoUID() }
    return uid
}

func key(_ object: ObjectClass, tenant: String = "_") throws -> ObjectKey {
    ObjectKey(
        tenant: tenant, study: try uid("1.2.840.1"), series: try uid("1.2.840.2"), instance: try uid("1.2.840.3"),
        object: object)
}

/// One of every class, and strings that a hostile client could have put there.
let everyClass: [ObjectClass] =
    [
        .instance(syntax: "stored"), .instance(syntax: "1.2.840.10008.1.2.1"), .frame(1, syntax: "stored"),
        .frame(1_234_567, syntax: "1.2.840.10008.1.2.4.70"), .metadata(.json), .metadata(.xml),
        .rendered(frame: nil, parameters: "", type: "image/jpeg"),
        .rendered(frame: 17, parameters: "quality=90&viewport=512,512", type: "image/png"),
        .thumbnail(frame: nil, parameters: "viewport=64,64", type: "image/jpeg"),
        .thumbnail(frame: 2, parameters: "", type: "image/gif"),
    ] + hostileTexts.map { .bulk(tail: $0) }
    + hostileTexts.map { .rendered(frame: 1, parameters: $0, type: $0) }
    + hostileTexts.map { .instance(syntax: $0) }

let hostileTexts = [
    "", ".", "..", "../..", "../../../etc/passwd", "/etc/passwd", "a/../b", "a//b", "-rf", ".hidden", "a\0b", "\0",
    "a\nb",
    "%2e%2e%2f", "a b", "ä", "😀", "a,b", "a_b", "a&b", "=0123456789abcdef0123456789abcdef", "a\\b", "*", "~",
    "$(reboot)",
    String(repeating: "x", count: 10_000), String(repeating: "x/", count: 5_000),
    String(repeating: "../", count: 3_000),
]
