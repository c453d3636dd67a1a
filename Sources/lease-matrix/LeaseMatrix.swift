internal import CLeaseAttacks
internal import CPmem
internal import Glibc
internal import PmemStore

/// Tries everything that somebody can do to the files of an open store, and says what has become of the store.
///
///     lease-matrix run DIRECTORY NAME [TEXT]    one line per trial: NAME, mode, operation, attacker, verdict, detail
///     lease-matrix document FILE...             such lines from files, as a document
///
/// DIRECTORY is an empty directory at the root of a file system that nothing else uses. With TEXT, only operations
/// whose names have it are tried. Exit code 1: data was lost.
@main
enum LeaseMatrix {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "run" where arguments.count == 3 || arguments.count == 4:
            let text = arguments.count == 4 ? arguments[3] : ""
            exit(run(directory: arguments[1], name: arguments[2], Attack.named(text)) ? 0 : 1)
        case "document" where arguments.count > 1:
            print(MatrixDocument(lines: arguments.dropFirst().flatMap { Files.lines(of: $0) }).text)
        case "attack" where arguments.count == 5:
            exit(AttackerProcess.run(arguments))
        case "deny" where arguments.count == 4:
            exit(unsafe cpm_deny_run(arguments[1], Int32(arguments[2]) ?? 0, arguments[3]))
        default:
            print("usage: lease-matrix run DIRECTORY NAME [TEXT] | lease-matrix document FILE...")
            exit(2)
        }
    }

    /// False when a trial has lost data.
    private static func run(directory: String, name: String, _ attacks: [Attack]) -> Bool {
        var isGood = true
        for mode in Mode.allCases {
            let ground = TrialGround(directory: directory, mode: mode)
            for attack in attacks {
                for attacker in attack.attackers {
                    let outcome = Trial(ground: ground, attack: attack, attacker: attacker).run()
                    print(
                        [
                            name, mode.rawValue, attack.name, attacker.rawValue, outcome.verdict.rawValue,
                            outcome.detail,
                        ]
                        .joined(separator: "\t"))
                    fflush(nil)
                    if outcome.verdict == .lost { isGood = false }
                }
            }
            ground.clear()
        }
        return isGood
    }
}

/// How the store that is attacked was opened.
enum Mode: String, CaseIterable {
    case leased, sealed
}

/// Who attacks.
enum Attacker: String, CaseIterable {
    /// A process that opens the file itself, as root.
    case otherProcess = "other process"
    /// The process that has the store open, through the store's own open file where the operation needs one.
    case sameProcess = "same process"
    /// Through an open file from before the store was opened.
    case before = "descriptor from before"
}

/// One of the operations of attack.c.
struct Attack {
    let index: Int32
    let name: String
    let means: Int32

    static let all = (0..<cpm_attack_count()).map { index in
        Attack(
            index: index, name: unsafe String(cString: cpm_attack_name(index)), means: cpm_attack_means(index)
        )
    }

    /// Those whose names have a text; all when it is empty.
    static func named(_ text: String) -> [Attack] {
        all.filter { text.isEmpty || $0.name.contains(text) }
    }

    var attackers: [Attacker] {
        switch means {
        case CPM_ATTACK_PATH: [.otherProcess, .sameProcess]
        case CPM_ATTACK_COMMAND: [.otherProcess]
        default: Attacker.allCases
        }
    }

    /// Whether it needs a descriptor, and whether that is for writing.
    var access: Int32? {
        switch means {
        case CPM_ATTACK_READER: O_RDONLY
        case CPM_ATTACK_WRITER: O_RDWR
        default: nil
        }
    }
}

/// What was seen.
struct Outcome {
    enum Verdict: String {
        /// The operation failed; the store goes on.
        case refused
        /// It succeeded; the store goes on and has everything.
        case harmless
        /// The store has stopped with a typed error, and everything that was acknowledged is there.
        case stopped
        /// The store has stopped with a typed error, and opening it says what the operation has destroyed.
        case destroyed
        /// Something that was acknowledged is gone, and nobody says so.
        case lost
        /// The mode cannot be had here.
        case unavailable
    }

    let verdict: Verdict
    let detail: String
}
