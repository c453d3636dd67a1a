internal import CLeaseAttacks
internal import Glibc

/// Carries an attack out, in this process or in one of its own.
enum AttackerProcess {
    /// The error number, 0 when the attack succeeded, -1 when it did not come back.
    static func spawn(_ attack: Attack, _ ground: TrialGround) -> Int32 {
        let line = [
            "lease-matrix", "attack", "\(attack.index)", ground.directory, "\(attack.access ?? -1)", "-",
        ]
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe line.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var child: pid_t = 0
        guard unsafe posix_spawn(&child, "/proc/self/exe", nil, nil, arguments, environ) == 0 else {
            return -1
        }
        return Files.wait(child, seconds: 30)
    }

    /// In the spawned process: `attack INDEX DIRECTORY ACCESS -`.
    static func run(_ arguments: [String]) -> Int32 {
        guard let index = Int32(arguments[1]), let access = Int32(arguments[3]) else { return ENOTSUP }
        let attack = Attack.all[Int(index)]
        let directory = arguments[2]
        guard access >= 0 else { return AttackerProcess.attack(attack, directory, -1) }
        let descriptor = unsafe open(directory + "/store/segment-000000.pmem", access | O_CLOEXEC)
        if descriptor < 0 { return errno }
        return AttackerProcess.attack(attack, directory, descriptor)
    }

    static func attack(_ attack: Attack, _ directory: String, _ descriptor: Int32) -> Int32 {
        let names = ["/store/segment-000000.pmem", "/other", "/spare", "/"].map { directory + $0 }
        let copies = unsafe names.map { unsafe strdup($0) }
        defer { unsafe copies.forEach { unsafe free($0) } }
        var target = unsafe cpm_attack_target(
            descriptor: descriptor, path: copies[0], other: copies[1], spare: copies[2], mount: copies[3],
            byteCount: TrialGround.byteCount)
        return unsafe cpm_attack_run(attack.index, &target)
    }
}
