internal import PmemStore

/// What a medium may do to a line that it has taken, on top of a power cut. Its description stands in tokens.
package struct MediaFault: Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Bits of a word change.
        case flip
        /// Half of a word is something else.
        case torn
        /// A line of zeros, of ones.
        case zeros, ones
        /// The line holds what another one holds.
        case misdirected
        /// The line is as it was before its newest write, which was drained.
        case lost
        /// The line's page cannot be read.
        case poison
    }

    package let kind: Kind
    /// Offset of the word, or of the line.
    package let place: Int
    /// Bits that change, the half that is there, or the line that is there instead.
    package let detail: UInt64

    init(_ kind: Kind, _ place: Int, _ detail: UInt64 = 0) {
        self.kind = kind
        self.place = place
        self.detail = detail
    }

    /// As `description` writes it.
    package init?(_ text: String) {
        let parts = text.split(separator: "-" as Character).map(String.init)
        guard parts.count == 3, let kind = Kind(rawValue: parts[0]), let place = Int(parts[1]), place >= 0,
            place % 8 == 0, let detail = UInt64(parts[2], radix: 16)
        else { return nil }
        self.init(kind, place, detail)
    }

    /// Places that a memory has. A token may name any.
    func fits(_ memory: SimulatedMemory) -> Bool {
        place < memory.byteCount
            && (kind != .misdirected || detail % 64 == 0 && detail < UInt64(memory.byteCount))
    }

    package var description: String { "\(kind)-\(place)-\(String(detail, radix: 16))" }

    /// A fault of any kind on one of the lines.
    static func random(
        on lines: [Int], _ memory: SimulatedMemory, using random: inout SeededGenerator
    ) -> MediaFault? {
        guard let kind = Kind.allCases.randomElement(using: &random),
            let line = lines.randomElement(using: &random)
        else { return nil }
        let word = line + 8 * Int.random(in: 0..<8, using: &random)
        switch kind {
        case .flip:
            let bits = (0..<Int.random(in: 1...2, using: &random)).map { _ in
                UInt64(1) << UInt64.random(in: 0..<64, using: &random)
            }
            return MediaFault(.flip, word, bits.reduce(0, |))
        case .torn: return MediaFault(.torn, word, random.next() >> 32)
        case .zeros, .ones, .poison: return MediaFault(kind, line)
        case .misdirected:
            guard let source = lines.randomElement(using: &random), source != line else { return nil }
            return MediaFault(.misdirected, line, UInt64(source))
        case .lost:
            let lost = memory.overwrittenLines.keys.sorted().filter {
                lines.contains($0) && memory.isAsDurable(line: $0)
            }
            return lost.randomElement(using: &random).map { MediaFault(.lost, $0) }
        }
    }

    /// Does it; returns the bytes that are no longer what they were.
    func strike(_ memory: SimulatedMemory) -> Range<Int> {
        let line = place & ~63
        let places = stride(from: line, to: line + 64, by: 8)
        switch kind {
        case .flip: memory.setEverywhere(place, memory.word(place) ^ detail)
        case .torn: memory.setEverywhere(place, memory.word(place) & 0xffff_ffff | detail << 32)
        case .zeros: for place in places { memory.setEverywhere(place, 0) }
        case .ones: for place in places { memory.setEverywhere(place, .max) }
        case .misdirected:
            for place in places { memory.setEverywhere(place, memory.word(Int(detail) + place - line)) }
        case .lost:
            for (place, word) in memory.overwrittenLines[line] ?? [] { memory.setEverywhere(place, word) }
        case .poison:
            memory.poison(page: place & ~4095)
            return (place & ~4095)..<(place & ~4095 + 4096)
        }
        return kind == .flip || kind == .torn ? place..<(place + 8) : line..<(line + 64)
    }
}
