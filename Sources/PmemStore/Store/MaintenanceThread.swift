internal import CPmem
internal import Synchronization

/// A thread that waits until it is woken, and then does one round of work.
final class MaintenanceThread: @unchecked Sendable {
    private static let work: UInt32 = 1
    private static let end: UInt32 = 2

    private let signal = Atomic<UInt32>(0)
    private var thread: NamedThread?
    private let name: String

    /// - Parameter name: What debuggers and profilers show; 15 bytes at most.
    init(name: String) { self.name = name }

    /// Runs `body` once for each time it was woken; several wakes may become one.
    func start(_ body: @escaping @Sendable () -> Void) {
        thread = NamedThread(name: name) { [self] in loop(body) }
    }

    private func loop(_ body: () -> Void) {
        while true {
            let bits = signal.exchange(0, ordering: .acquiring)
            if bits & Self.end != 0 { return }
            if bits == 0 {
                unsafe signal.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, 0, -1) }
                continue
            }
            body()
        }
    }

    /// Asks for a round. One load when that was asked for already.
    @inline(__always)
    func wake() {
        if signal.load(ordering: .relaxed) & Self.work != 0 { return }
        send(Self.work)
    }

    /// True once ``stop()`` was called: a long round ends early.
    var isEnding: Bool { signal.load(ordering: .relaxed) & Self.end != 0 }

    private func send(_ bit: UInt32) {
        signal.bitwiseOr(bit, ordering: .releasing)
        unsafe signal.withUnsafeAddress { _ = unsafe cpm_futex_wake($0, 1) }
    }

    /// Ends the thread after its current round.
    func stop() {
        guard let thread else { return }
        send(Self.end)
        thread.join()
        self.thread = nil
    }
}
