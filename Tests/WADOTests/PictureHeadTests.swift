import Testing
import WADO

@Suite struct PictureHeadTests {
    private static func big16(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    private static func big32(_ value: Int) -> [UInt8] { big16(value >> 16) + big16(value & 0xFFFF) }

    private static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, marker] + big16(content.count + 2) + content
    }

    static func jpeg(
        _ columns: Int, _ rows: Int, frame: UInt8 = 0xC0, components: Int = 1, before: [UInt8] = []
    ) -> [UInt8] {
        var header: [UInt8] = [8] + big16(rows) + big16(columns)
        header.append(UInt8(components))
        for number in 1...components { header += [UInt8(number), 0x11, 0] }
        let scan: [UInt8] = segment(0xDA, [1, 1, 0, 0, 63, 0]) + [0, 0xFF, 0xD9]
        return [0xFF, 0xD8] + before + segment(frame, header) + scan
    }

    static func png(_ columns: Int, _ rows: Int, colourType: UInt8 = 0) -> [UInt8] {
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let size: [UInt8] = big32(columns) + big32(rows)
        return signature + big32(13) + Array("IHDR".utf8) + size + [8, colourType, 0, 0, 0, 1, 2, 3, 4]
    }

    static func gif(_ columns: Int, _ rows: Int) -> [UInt8] {
        let size: [UInt8] = big16(columns).reversed() + big16(rows).reversed()
        return Array("GIF89a".utf8) + size + [0x80, 0, 0]
    }

    static func jpeg2000(_ columns: Int, _ rows: Int, components: Int = 1) -> [UInt8] {
        func box(_ type: String, _ content: [UInt8]) -> [UInt8] {
            big32(content.count + 8) + Array(type.utf8) + content
        }
        let header: [UInt8] = big32(rows) + big32(columns) + big16(components) + [7, 7, 0, 0]
        let files: [UInt8] = box("jP  ", [0x0D, 0x0A, 0x87, 0x0A]) + box("ftyp", Array("jp2 \0\0\0\0jp2 ".utf8))
        return files + box("jp2h", box("ihdr", header) + box("colr", [1, 0, 0, 0, 0, 0, 17]))
    }

    @Test(
        arguments: [
            (jpeg(640, 480), "image/jpeg", false),
            (jpeg(640, 480, frame: 0xC2, components: 3), "image/jpeg", true),
            (jpeg(640, 480, before: segment(0xE0, Array(repeating: 0xFF, count: 40))), "image/jpeg", false),
            (jpeg(640, 480, before: segment(0xE2, Array(repeating: 0, count: 65000))), "image/jpeg", false),
            // A table of Huffman codes and an arithmetic conditioning have numbers among the frames'.
            (jpeg(640, 480, before: segment(0xC4, [1, 2, 3]) + segment(0xCC, [4])), "image/jpeg", false),
            (jpeg(640, 480, before: [0xFF, 0xFF, 0xFF] + segment(0xFE, [])), "image/jpeg", false),
            (png(640, 480), "image/png", false), (png(640, 480, colourType: 6), "image/png", true),
            (gif(640, 480), "image/gif", true),
            (jpeg2000(640, 480), "image/jp2", false), (jpeg2000(640, 480, components: 3), "image/jp2", true),
        ] as [([UInt8], String, Bool)])
    func readsTypeAndSize(bytes: [UInt8], type: String, isColour: Bool) throws {
        let head = try #require(PictureHead(bytes))
        #expect((head.type, head.columns, head.rows, head.isColour) == (type, 640, 480, isColour))
    }

    private static let brand = Array(jpeg2000(5, 5).prefix(12))

    private static let useless: [[UInt8]] = [
        [], Array("<html><body>no</body></html>".utf8), Array("%PDF-1.7".utf8), [0xFF, 0xD8], [0xFF, 0xD8, 0xFF, 0xD9],
        jpeg(0, 480), jpeg(640, 0), png(0, 480), png(0x7FFF_FFFF, 480), gif(640, 0), jpeg2000(0, 1),
        // A scan without a frame; a segment shorter than its own length; a segment that ends behind the file.
        [0xFF, 0xD8] + segment(0xDA, [1, 1, 0]), [0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0, 0],
        [0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF],
        // Boxes that would never end, and one of 64 bits.
        brand + [0, 0, 0, 0, 0x66, 0x72, 0x65, 0x65], brand + [0, 0, 0, 1, 0x66, 0x72, 0x65, 0x65] + big32(16),
    ]

    @Test(arguments: useless)
    func saysNothingOfWhatHasNoSize(bytes: [UInt8]) {
        #expect(PictureHead(bytes) == nil)
    }

    private static let pictures = [jpeg(640, 480), png(640, 480), gif(640, 480), jpeg2000(640, 480)]

    @Test func neverReadsBehindTheEnd() {
        for whole in Self.pictures {
            for count in 0..<whole.count {
                let head = PictureHead(Array(whole.prefix(count)))
                #expect(head == nil || head?.columns == 640)
            }
        }
    }

    @Test func aFrameBehindTheLimitIsNotFound() {
        let profile = (0..<5).flatMap { _ in Self.segment(0xE2, Array(repeating: 0, count: 65000)) }
        #expect(PictureHead(Self.jpeg(640, 480, before: profile)) == nil)
    }

    @Test func hostileBytesEnd() {
        var random = Seeded(state: 7)
        for whole in Self.pictures {
            for _ in 0..<2000 {
                var bytes = whole
                for _ in 0..<3 {
                    bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
                }
                if let head = PictureHead(bytes) { #expect(head.columns >= 1 && head.rows >= 1) }
            }
        }
    }
}
