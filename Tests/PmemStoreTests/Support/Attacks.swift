internal import CLeaseAttacks
internal import Glibc

/// The operations of `lease-matrix`, one at a time.
enum Attacks {
    /// The number of the operation of a name.
    static func index(_ name: String) -> Int32? {
        (0..<cpm_attack_count()).first { unsafe String(cString: cpm_attack_name($0)) == name }
    }

    /// Runs the operation of a name through a descriptor of this process. The error number; 0: it succeeded.
    static func run(_ name: String, descriptor: Int32, other: String, spare: String, byteCount: UInt64)
        -> Int32
    {
        guard let index = index(name) else { return ENOSYS }
        let names: [UnsafeMutablePointer<CChar>?] = unsafe [strdup(other), strdup(spare)]
        defer { unsafe names.forEach { unsafe free($0) } }
        var target = unsafe cpm_attack_target(
            descriptor: descriptor, path: names[0], other: names[0], spare: names[1], mount: names[1],
            byteCount: byteCount)
        return unsafe cpm_attack_run(index, &target)
    }
}
