import PmemStore

extension DoctorReport {
    /// For people: one fact a line.
    var text: String {
        let rest = section("problem", problems) + section("next rung", advice)
        return ([title] + placeLines + storeLines + [privilegeLine] + rest).joined(separator: "\n")
    }

    private var title: String {
        guard let store else { return "\(path): a directory without a store" }
        guard store.isInUse else { return "\(path): a store that nobody uses" }
        return "\(path): a store in use by " + (store.owner.map { "process \($0)" } ?? "another process")
    }

    private func section(_ label: String, _ lines: [String]) -> [String] {
        lines.map { Self.line(label, $0) }
    }

    private static func line(_ label: String, _ text: String) -> String {
        "  " + label + String(repeating: " ", count: max(1, 15 - label.count)) + text
    }

    private var placeLines: [String] {
        guard let place else { return [Self.line("place", "not tried out: \(placeProblem ?? "")")] }
        let segments = place.hugePageShare.map { share in
            "\(Text.count(place.extents, "extent")) for 8 MiB, \(Int(share * 100)) % can be mapped by huge pages, "
                + "\(Text.percent(place.unwrittenShare)) unwritten"
        }
        return [
            Self.line(
                "file system",
                "\(place.fileSystem), \(place.isDAX ? "DAX" : "no DAX"), "
                    + "MAP_SYNC \(place.grantsMapSync ? "granted" : "refused")"),
            Self.line("persistence", "\(place.persistence.value): \(place.persistence.reason)"),
            Self.line("lease to have", "\(place.strongestLease.value): \(place.strongestLease.reason)"),
            Self.line("new segments", segments ?? "the file system does not report where blocks are"),
            Self.line(
                "reflink", place.canShareBlocks ? "files can share blocks" : "files cannot share blocks"),
        ]
    }

    private var storeLines: [String] {
        guard let store else { return [] }
        var lines = [Self.line("lease held", store.leaseHeld)]
        if let commit = store.commit, let generation = store.generation {
            let end =
                store.isInUse
                ? "the log may have newer commits"
                : store.wasClosed == true ? "closed cleanly" : "not closed cleanly, the log has newer commits"
            lines.append(Self.line("checkpoint", "commit \(commit), generation \(generation), \(end)"))
        }
        return lines + store.segments.flatMap(Self.lines)
    }

    private static func lines(_ segment: Segment) -> [String] {
        var facts = [Text.bytes(segment.bytes)]
        if let extents = segment.extents { facts.append(Text.count(extents.count, "extent")) }
        if let share = segment.hugePageShare { facts.append("\(Int(share * 100)) % by huge pages") }
        if let share = segment.unwrittenShare { facts.append("\(Text.percent(share)) unwritten") }
        if let shared = segment.sharedBytes {
            facts.append(shared == 0 ? "nothing shared" : "\(shared) bytes shared")
        }
        if !segment.seal.isEmpty { facts.append("sealed \(segment.seal)") }
        if segment.isLeased { facts.append("leased") }
        if segment.hasMoved { facts.append("moved while closed") }
        let map = (segment.extents ?? []).map { extent in
            line("", "byte \(extent.offset): \(extent.bytes) bytes at \(extent.place), flags \(extent.flags)")
        }
        return [line("segment", "\(segment.name): " + facts.joined(separator: ", "))] + map
    }

    private var privilegeLine: String {
        let words = privileges.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value ? "yes" : "no")" }
        return Self.line("privileges", words.joined(separator: ", "))
    }
}
