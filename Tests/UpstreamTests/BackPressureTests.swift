import EventLoop
import Glibc
import HTTP
import Synchronization
import Testing

@testable import Upstream

@Suite struct BackPressureTests {
    /// Deterministic bytes, so that a lost or doubled piece shows.
    private static func bytes(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

    @Test func backendCannotPushMoreThanTheBuffersHold() async throws {
        let size = 64 << 20
        let isStuck = Gate()
        let sent = Mutex(0)
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                var at = 0
                let block = Self.bytes(0..<1 << 20)
                at = conversation.sendUntilStuck(block, times: size >> 20)
                sent.withLock { $0 = at }
                isStuck.open()
                while at < size {
                    let offset = at % block.count
                    try conversation.send(Array(block[offset...]))
                    at += block.count - offset
                }
                conversation.waitForClose()
            })
        let isRight = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            await isStuck.opened()
            // The rest of what went out is in the kernel's socket buffers.
            #expect(sent.withLock { $0 } < size)
            #expect(response.bufferedBytes > 256 << 10)
            #expect(response.bufferedBytes <= 768 << 10)
            let block = Self.bytes(0..<1 << 20)
            var (at, isRight, largest) = (0, true, 0)
            while let piece = try await response.next() {
                isRight = isRight && Self.isEqual(piece, block, from: at)
                at += piece.count
                largest = max(largest, piece.count)
            }
            #expect(at == size)
            #expect(largest <= 256 << 10)
            return isRight
        }
        #expect(isRight)
    }

    /// Whether a piece is what stands at an offset of the endlessly repeated block.
    private static func isEqual(_ piece: [UInt8], _ block: [UInt8], from at: Int) -> Bool {
        var start = 0
        while start < piece.count {
            let offset = (at + start) % block.count
            let count = min(piece.count - start, block.count - offset)
            // Both ranges lie within their arrays.
            let differs = unsafe piece.withUnsafeBytes { piece in
                unsafe block.withUnsafeBytes { block in
                    unsafe memcmp(piece.baseAddress! + start, block.baseAddress! + offset, count)
                }
            }
            if differs != 0 { return false }
            start += count
        }
        return true
    }

    @Test func smallPiecesAreHandedOutTogether() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                var chunks = ""
                for _ in 0..<5000 { chunks += "4\r\nabcd\r\n" }
                try conversation.send(chunks + "0\r\n\r\n")
                conversation.waitForClose()
            })
        let (bytes, pieces) = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            var (bytes, pieces) = (0, 0)
            while let piece = try await response.next() {
                bytes += piece.count
                pieces += 1
            }
            return (bytes, pieces)
        }
        #expect(bytes == 20000)
        #expect(pieces < 50)
    }

    @Test func bufferKeepsOrderAndNeverGrowsAPiece() {
        var buffer = BodyBuffer()
        var (given, taken): ([UInt8], [UInt8]) = ([], [])
        for step in 1...60 {
            let bytes = Self.bytes(given.count..<given.count + step * 97 % 16384 + 1)
            given += bytes
            unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append($0, expected: step % 2 == 0 ? 40000 : nil) }
            if step % 3 == 0, let piece = buffer.takePiece() {
                #expect(piece.count <= BodyBuffer.maxPiece)
                taken += piece
            }
            #expect(buffer.count == given.count - taken.count)
        }
        while let piece = buffer.takePiece() { taken += piece }
        #expect(taken == given)
        #expect(buffer.isEmpty)
    }
}
