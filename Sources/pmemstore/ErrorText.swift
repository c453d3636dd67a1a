import Foundation
import PmemStore

/// Store errors as one line with place and remedy.
enum ErrorText {
    static func line(_ error: StoreError) -> String {
        switch error {
        case .open(let failure): line(failure)
        case .transaction(let failure): "\(failure)"
        case .commit(let failure): line(failure)
        case .corrupted(let found):
            "damaged \(found.structure.rawValue) at byte \(found.offset): \(found.detail)"
        }
    }

    /// True when the path itself is the matter, and not what lies there.
    static func isAboutPath(_ error: StoreError) -> Bool {
        switch error {
        case .open(.missing), .open(.system): true
        default: false
        }
    }

    private static func line(_ failure: StoreError.OpenFailure) -> String {
        switch failure {
        case .notAStore(let path, let reason): "\(path) is no store: \(reason)"
        case .missing(let path): "nothing is at \(path)"
        case .exists(let path): "\(path) is there already; name another place"
        case .newerFormat(let path, let found, let supported):
            "\(path) has format \(found), this release knows \(supported); use a newer release"
        case .truncated(let path, let expected, let found):
            "\(path) was cut to \(found) of \(expected) bytes; restore it from a backup"
        case .missingSegment(let path, let index): "segment \(index) of \(path) is missing; restore the file"
        case .inUse(let path, let pid):
            "\(path) is in use by " + (pid.map { "process \($0)" } ?? "another process")
        case .volatileMedium(let path, let reason): "\(path): \(reason)"
        case .unsupportedFileSystem(let path, let name, let remedy): "\(path) on \(name): \(remedy)"
        case .invalidOption(let name, let reason): "option \(name): \(reason)"
        case .extentsChanged(let path, let reason): "\(path): \(reason)"
        case .leaseTooWeak(let path, let demanded, let reached, let reason):
            "\(path): lease \(demanded) was demanded and \(reached) reached: \(reason)"
        case .sealed(let path, let remedy): "\(path) is sealed; \(remedy)"
        case .system(let call, let path, let code): "\(call) \(path): \(systemText(code))"
        }
    }

    private static func line(_ failure: StoreError.CommitFailure) -> String {
        switch failure {
        case .full(let quota, let needed): "full: \(needed) bytes more do not fit into \(quota)"
        case .noSpace(let path, let needed): "\(path): the file system has no \(needed) bytes left"
        case .poisoned(let reason): "the store takes no commits any more: \(reason)"
        case .system(let call, let path, let code): "\(call) \(path): \(systemText(code))"
        }
    }

    static func systemText(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
