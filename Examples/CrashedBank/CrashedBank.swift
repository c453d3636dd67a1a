import Glibc
import PmemStore
import PmemStoreTesting

/// Crashes a bank at every store to the medium, and in every recovery from that:
///
///     crashed-bank            one transaction for a transfer: nothing is ever lost
///     crashed-bank broken     two: the lab finds the moment in between, and prints how to come back to it
@main
enum CrashedBank {
    static func main() {
        do {
            print(try crash(isBroken: CommandLine.arguments.dropFirst().first == "broken"))
        } catch {
            print(error)
            exit(1)
        }
    }

    private static func crash(isBroken: Bool) throws -> CrashLabReport {
        try CrashLab("bank").run { store in
            let bank = Bank(store: store)
            try bank.open(with: 100)
            for (payer, payee) in [("alice", "bob"), ("bob", "carol"), ("carol", "alice")] {
                try isBroken
                    ? bank.brokenTransfer(30, from: payer, to: payee)
                    : bank.transfer(30, from: payer, to: payee)
            }
        } verify: { store in
            let total = try Bank(store: store).total()
            guard total == 0 || total == 300 else { throw Unbalanced(total: total) }
        }
    }
}
