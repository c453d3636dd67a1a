internal import CPmem
internal import Glibc
internal import Synchronization

/// A thread that waits until it is woken, and then does one round of work.
final class MaintenanceThread: @unchecked Sendable {
    private static let work: UInt32 = 1
    private static let end: UInt32 = 2

    private let signal = Atomic<UInt32>(0)
    private var handle: pthread_t?
    private let name: String

    /// - Parameter name: What debuggers and profilers show; 15 bytes at most.
    init(name: String) { self.name = name }

    /// Runs `body` once for each time it was woken; several wakes may become one.
    func start(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(ThreadBody { [self] in loop(body) })
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, unsafe box.toOpaque())
        if code == 0 {
            handle = thread
            unsafe pthread_setname_np(thread, name)
        } else {
            unsafe box.release()
        }
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
        guard let handle else { return }
        send(Self.end)
        pthread_join(handle, nil)
        self.handle = nil
    }
}

/// What a thread runs.
private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
