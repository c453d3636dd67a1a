/// What a ``MediumMutation`` does to the calls of its site.
extension SimulatedMemory {
    /// A fence that takes effect behind the next call of its role. Before that call it would be the same program: no
    /// store of the thread, and no promise, lies in between.
    struct PostponedDrain {
        let role: SimulatedEvent.Role
        let event: Int
        var isDue = false
    }

    /// Of one mutation: the calls in which it would have made a difference, and those in which it made one.
    package struct Blows: Sendable {
        package internal(set) var candidates = 0
        package internal(set) var strikes = 0
    }

    /// The operator that strikes this call, if one does: of several the first. Calls in which it would change nothing
    /// do not count.
    func strike(_ event: SimulatedEvent) -> MediumMutation.Operator? {
        for (index, mutation) in mutations.enumerated()
        where mutation.concerns(event) && isDifference(mutation.operator, event) {
            blows[index].candidates += 1
            if blows[index].candidates % mutation.period != 0 { continue }
            blows[index].strikes += 1
            return mutation.operator
        }
        return nil
    }

    /// Fences that were late take effect.
    func catchUp(_ role: SimulatedEvent.Role) {
        for index in postponedDrains.indices.reversed() where postponedDrains[index].role == role {
            if postponedDrains[index].isDue {
                makeDurable(role, upTo: postponedDrains.remove(at: index).event)
            } else {
                postponedDrains[index].isDue = true
            }
        }
    }

    private func isDifference(_ effect: MediumMutation.Operator, _ event: SimulatedEvent) -> Bool {
        let bit = event.role.bit
        let (first, end) = (event.offset & ~7, (event.offset + event.byteCount + 7) & ~7)
        let lines = (first: event.offset & ~63, end: (event.offset + event.byteCount + 63) & ~63)
        switch effect {
        case .dropStore, .plainStore: return isNewIn(first..<end)
        case .shiftStore: return end + 64 <= byteCount && isNewIn(first..<end)
        case .loseFirstUnit: return isNewIn(first..<min(first + 8, end))
        case .loseLastUnit: return isNewIn(max(first, end - 8)..<end)
        case .loseLastLine: return isNewIn(max(first, end - 64)..<end)
        case .dropFlush: return isUnstartedIn(lines.first..<lines.end, bit)
        case .shortenFlush: return isUnstartedIn((lines.end - 64)..<lines.end, bit)
        case .shiftFlush: return isUnstartedIn(lines.first..<(lines.first + 64), bit)
        case .dropDrain, .lateDrain: return units.contains { $0.startedBy & bit != 0 }
        case .earlyDrain:
            return groups.contains { group in
                group.event == groups.last?.event
                    && units[group.first..<group.end].contains { $0.startedBy & bit != 0 }
            }
        case .duplicateStore, .duplicateFlush, .duplicateDrain: return true
        }
    }

    /// The engine's view differs from what is durable, or from what may become so.
    private func isNewIn(_ range: Range<Int>) -> Bool {
        stride(from: range.lowerBound, to: range.upperBound, by: 8).contains { place in
            unsafe wordMarks[place >> 3] != 0
                || (base + place).load(as: UInt64.self) != (durable + place).load(as: UInt64.self)
        }
    }

    /// Something was stored here whose way to the medium has not begun.
    private func isUnstartedIn(_ range: Range<Int>, _ bit: UInt8) -> Bool {
        units.contains { range.contains($0.offset) && $0.startedBy & bit == 0 }
    }
}
