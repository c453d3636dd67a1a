internal import Glibc

/// The stage in which a system call failed. It decides which family of ``StoreError`` the failure belongs to.
package enum FailureStage: Sendable {
    /// The store is being created or opened.
    case opening
    /// The store is open: growth, commits, checkpoints.
    case running

    /// The error for a failed system call.
    package func failure(_ call: String, _ path: String, code: Int32) -> StoreError {
        switch self {
        case .opening: .open(.system(call: call, path: path, code: code))
        case .running: .commit(.system(call: call, path: path, code: code))
        }
    }

    /// The error for a failed allocation of `neededBytes`.
    package func noSpace(_ call: String, _ path: String, neededBytes: UInt64) -> StoreError {
        switch self {
        case .opening: .open(.system(call: call, path: path, code: ENOSPC))
        case .running: .commit(.noSpace(path: path, neededBytes: neededBytes))
        }
    }
}

extension FailureStage {
    /// Runs `body` and says of a failure which file it concerned and in which stage it happened.
    package func attempt<R>(
        _ path: String, _ body: () throws(SystemFailure) -> R
    ) throws(StoreError) -> R {
        do {
            return try body()
        } catch {
            throw failure(error.call, path, code: error.code)
        }
    }
}
