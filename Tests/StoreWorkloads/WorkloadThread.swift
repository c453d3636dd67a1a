internal import Glibc

/// A thread of the workload's own.
public final class WorkloadThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var handle = pthread_t()

    /// Runs `run` at once.
    public init(_ run: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
        let code = unsafe pthread_create(
            &handle, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        precondition(code == 0, "no thread")
    }

    /// Waits for its end.
    public func join() { pthread_join(handle, nil) }
}

/// CLOCK_MONOTONIC in nanoseconds: the same clock in every process.
func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
