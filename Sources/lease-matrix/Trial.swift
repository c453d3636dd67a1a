internal import CLeaseAttacks
internal import CPmem
internal import Glibc
internal import PmemStore

/// One operation, by one attacker, against one open store.
struct Trial {
    let ground: TrialGround
    let attack: Attack
    let attacker: Attacker

    func run() -> Outcome {
        do {
            return try runOnOpenStore()
        } catch {
            ground.clear()
            return Outcome(verdict: .lost, detail: "the trial itself failed: \(error)")
        }
    }

    private func runOnOpenStore() throws -> Outcome {
        var descriptor: Int32 = -1
        defer { if descriptor >= 0, attacker == .before { Glibc.close(descriptor) } }
        _ = try ground.open()
        if attacker == .before, let access = attack.access {
            ground.close()
            descriptor = unsafe Glibc.open(ground.segment, access | O_CLOEXEC)
            _ = try ground.open()
        } else if attacker == .sameProcess, attack.access != nil {
            descriptor = Files.ownDescriptor(of: ground.segment) ?? -1
        }
        guard ground.isAsWanted else {
            return Outcome(verdict: .unavailable, detail: ground.store?.lease.reason ?? "")
        }
        ground.refreshOther()
        let code = attackNow(descriptor)
        let outcome = try judge(code)
        if outcome.verdict != .refused || attack.means == CPM_ATTACK_WRITER && code == 0 { ground.clear() }
        Files.shell("rm -f '\(ground.spare)'")
        return outcome
    }

    private func attackNow(_ descriptor: Int32) -> Int32 {
        switch attacker {
        case .otherProcess: AttackerProcess.spawn(attack, ground)
        case .sameProcess, .before: AttackerProcess.attack(attack, ground.directory, descriptor)
        }
    }

    // MARK: Judging

    private func judge(_ code: Int32) throws -> Outcome {
        guard code >= 0 else { return Outcome(verdict: .lost, detail: "the attacker hangs") }
        guard let store = ground.store else { return Outcome(verdict: .lost, detail: "no store") }
        if let stop = stopReason(store) { return afterStop(stop) }
        // Nothing was noticed: then there must not be anything.
        let intact = try ground.intact(in: store)
        guard intact == ground.acknowledged else {
            return Outcome(verdict: .lost, detail: "\(intact) of \(ground.acknowledged) pairs, and no error")
        }
        if code == 0, attack.means != CPM_ATTACK_PATH || attack.access != nil {
            try ground.reopen()
            guard let store = ground.store, try ground.intact(in: store) == ground.acknowledged else {
                return Outcome(verdict: .lost, detail: "gone after opening again")
            }
        }
        return code == 0
            ? Outcome(verdict: .harmless, detail: "")
            : Outcome(verdict: .refused, detail: Files.name(ofError: code))
    }

    /// The error with which the store refuses to go on; nil: it goes on, and has acknowledged one more commit.
    private func stopReason(_ store: Store) -> String? {
        let limit = cpm_monotonic_nanoseconds() + 10_000_000_000
        while true {
            do {
                try store.verifyExtents()
                break
            } catch {
                // What can be repaired is repaired by the store's own thread, soon.
                if (try? ground.commit()) == nil || cpm_monotonic_nanoseconds() > limit { return "\(error)" }
            }
        }
        do {
            try ground.commit()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func afterStop(_ reason: String) -> Outcome {
        ground.close()
        do {
            try ground.reopen()
            if let store = ground.store, try ground.intact(in: store) == ground.acknowledged {
                return Outcome(verdict: .stopped, detail: "opened again, everything is there")
            }
            return Outcome(verdict: .lost, detail: "stopped (\(reason)), gone after opening again")
        } catch StoreError.open(.extentsChanged) {
            return afterRefusal()
        } catch {
            return Outcome(verdict: .destroyed, detail: "opening says \(Self.short(error))")
        }
    }

    private func afterRefusal() -> Outcome {
        do {
            let copy = try ground.openCopy()
            defer { try? copy.close() }
            if try ground.intact(in: copy) == ground.acknowledged {
                return Outcome(verdict: .stopped, detail: "a full copy has everything")
            }
            return Outcome(verdict: .lost, detail: "the copy lacks pairs")
        } catch {
            return Outcome(verdict: .destroyed, detail: "opening a copy says \(Self.short(error))")
        }
    }

    /// The error's name without what differs from run to run.
    private static func short(_ error: any Error) -> String {
        guard let error = error as? StoreError else { return "\(error)" }
        switch error {
        case .open(.truncated): return "truncated"
        case .open(.missingSegment): return "missingSegment"
        case .open(.notAStore): return "notAStore"
        case .open(.extentsChanged): return "extentsChanged"
        case .corrupted(let corruption): return "corrupted(\(corruption.structure.rawValue))"
        default: return "\(error)".split(separator: "(").prefix(2).joined(separator: "(")
        }
    }
}
