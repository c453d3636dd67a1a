internal import CPmem
internal import Glibc

/// The flags by which a file is closed to everybody, root included, while stores through a mapping that is there
/// already go on.
///
/// That they go on is behaviour of the file systems, not a promise, and it differs: ext4 lets them pass an immutable
/// file on DAX only. So it is tried out on each file, and what does not hold is taken back.
struct ExtentSeal: Sendable, Equatable {
    let flags: Int32

    private static let all = CPM_FLAG_IMMUTABLE | CPM_FLAG_APPEND
    /// In the order of strength.
    private static let candidates: [Int32] = [all, CPM_FLAG_IMMUTABLE, CPM_FLAG_APPEND]

    /// As the commands of e2fsprogs write it.
    var name: String {
        (flags & CPM_FLAG_IMMUTABLE != 0 ? "+i" : "") + (flags & CPM_FLAG_APPEND != 0 ? "+a" : "")
    }

    /// Why there is no seal.
    struct Refusal: Error, Equatable {
        let reason: String
    }

    /// Seals a file that is open and mapped, by the strongest flags with which `accepts` still says that a store is
    /// let through.
    static func set(on file: OpenFile, whileAccepted accepts: () -> Bool) throws(Refusal) -> ExtentSeal {
        var reason = ""
        for candidate in candidates {
            let seal = ExtentSeal(flags: candidate)
            do {
                try change(file, to: candidate)
            } catch {
                guard error.code != EPERM else {
                    throw Refusal(reason: "sealing takes the privilege CAP_LINUX_IMMUTABLE")
                }
                reason = "\(seal.name) refused with error \(error.code)"
                continue
            }
            if seal.isSet(on: file), accepts() { return seal }
            reason = "with \(seal.name) the file system does not let our own stores pass"
            clear(file)
        }
        throw Refusal(reason: reason)
    }

    /// What the kernel says now: somebody with the privilege may have removed it.
    func isSet(on file: OpenFile) -> Bool { cpm_seal_flags(file.descriptor) == flags }

    /// Puts a seal back that somebody has removed.
    func renew(on file: OpenFile) -> Bool {
        (try? Self.change(file, to: flags)) != nil && isSet(on: file)
    }

    static func clear(_ file: OpenFile) { try? change(file, to: 0) }

    private static func change(_ file: OpenFile, to wanted: Int32) throws(SystemFailure) {
        var flags: Int32 = 0
        guard unsafe cpm_get_flags(file.descriptor, &flags) == 0 else {
            throw SystemFailure("ioctl(FS_IOC_GETFLAGS)")
        }
        let next = flags & ~all | wanted
        if next == flags { return }
        var request = next
        guard unsafe cpm_set_flags(file.descriptor, &request) == 0 else {
            throw SystemFailure("ioctl(FS_IOC_SETFLAGS)")
        }
    }

    /// Removes the seal that a killed process has left on a file, or that somebody else has set. False: there is none.
    ///
    /// - Throws: ``StoreError/OpenFailure/sealed(path:remedy:)``, with the command for somebody who may.
    static func remove(at path: String) throws(StoreError) -> Bool {
        guard let file = try? OpenFile(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else { return false }
        guard cpm_seal_flags(file.descriptor) > 0 else { return false }
        do {
            try change(file, to: 0)
        } catch {
            guard error.code == EPERM else {
                throw .open(.system(call: error.call, path: path, code: error.code))
            }
            throw .open(.sealed(path: path, remedy: "as root: chattr -i -a '\(path)'"))
        }
        return true
    }
}
