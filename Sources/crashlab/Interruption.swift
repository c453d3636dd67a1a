internal import Glibc
internal import Synchronization

/// What SIGINT and SIGTERM ask of a long exploration: to end as if its time were over, and say what it has done.
enum Interruption {
    private static let wasAsked = Atomic(false)

    static var isAsked: Bool { wasAsked.load(ordering: .relaxed) }

    /// From now on the signals do not end the process. A second one does.
    static func isAwaited() {
        // Made before a signal can: a handler must not be the first to touch a global.
        wasAsked.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.wasAsked.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
