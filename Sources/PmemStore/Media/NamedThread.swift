internal import CPmem
internal import Glibc

/// A thread of the store's own. No signal that is meant for the process runs a handler of the host application on it.
package final class NamedThread: @unchecked Sendable {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    private var handle: pthread_t?

    /// Starts `body`. Without a thread to be had, nothing happens.
    ///
    /// - Parameter name: What debuggers and profilers show; 15 bytes at most.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(
            Body {
                _ = cpm_block_signals()
                body()
            })
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, unsafe box.toOpaque())
        if code == 0 {
            handle = thread
            unsafe pthread_setname_np(thread, name)
        } else {
            unsafe box.release()
        }
    }

    /// False when there was no thread to be had.
    package var isRunning: Bool { handle != nil }

    /// Makes a signal pending for this thread only; it is one that the thread waits for.
    package func signal(_ number: Int32) {
        if let handle { pthread_kill(handle, number) }
    }

    /// Nobody waits for the thread's end. Instead of ``join()``.
    package func detach() {
        if let handle { pthread_detach(handle) }
        handle = nil
    }

    /// Waits for the thread's end. Once.
    package func join() {
        guard let handle else { return }
        pthread_join(handle, nil)
        self.handle = nil
    }
}
