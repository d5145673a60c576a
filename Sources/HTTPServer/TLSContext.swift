// stub, replaced below
import EventLoop
package final class TLSContext: Sendable {
    func transport(_ descriptor: Int32) -> (any Transport)? { nil }
}
