internal import Glibc

/// Processes that are forked: the library's own declaration is kept from Swift, for good reasons.
enum Child {
    static func fork() -> pid_t {
        let symbol = unsafe dlsym(nil, "fork")
        return unsafe unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)()
    }

    /// Without what the library does in a child.
    static func forkUnnoticed() -> pid_t {
        let symbol = unsafe dlsym(nil, "_Fork")
        return unsafe unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)()
    }

    /// Ends this process after so many seconds, also when the thread that was forked had signals blocked.
    static func limit(_ seconds: UInt32 = 20) {
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
        signal(SIGALRM, SIG_DFL)
        alarm(seconds)
    }

    /// The ending of a child that its ``limit(_:)`` has ended.
    static let hung: Int32 = -1

    /// What `body` returns in a child; ``hung``, or nil when that was ended by another signal.
    static func run(_ body: () -> Int32) -> Int32? {
        if fork() == 0 {
            limit()
            _exit(body())
        }
        return wait()
    }

    static func wait() -> Int32? {
        var status: Int32 = 0
        while unsafe waitpid(-1, &status, 0) < 0 && errno == EINTR {}
        if status & 0x7f == SIGALRM { return hung }
        return status & 0x7f == 0 ? status >> 8 & 0xff : nil
    }
}
