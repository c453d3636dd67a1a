import Foundation
import PmemStoreTesting
import Testing

/// The inputs that are kept with the target of `make fuzz`, and some of chance that are made of them.
@Suite("Fuzzing of texts", .serialized)
struct TextFuzzTests {
    private static let corpus = KeptTexts.lines("corpus.txt").map { KeptTexts.unescaped($0) }
    private static let words = KeptTexts.lines("tokens.dict").filter { $0.hasPrefix("\"") }.map {
        KeptTexts.unescaped(String($0.dropFirst().dropLast()))
    }

    @Test("Every parser has texts that were once interesting, and takes or refuses them")
    func kept() {
        #expect(Self.corpus.count > 80)
        let chosen = Set(Self.corpus.compactMap(\.first).map { Character(Unicode.Scalar($0)) })
        #expect(chosen == Set(TextFuzz.parsers.keys))
        for text in Self.corpus { TextFuzz.run(text) }
    }

    @Test("Texts of chance are taken or refused, too", arguments: [UInt64(3), 17])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<(1500 * KeptTexts.scale) {
            guard var text = Self.corpus.randomElement(using: &random) else { break }
            // Each of these tokens takes a run of the engine.
            if [UInt8(ascii: "t"), UInt8(ascii: "k")].contains(text[0]), number % 8 != 0 { continue }
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.change(&text, &random) }
            TextFuzz.run(text)
        }
    }

    /// The first byte stays: it chooses the parser.
    private static func change(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 1...text.count, using: &random)
        let end = min(text.count, place + Int.random(in: 0...8, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: text.insert(contentsOf: words.randomElement(using: &random) ?? [], at: place)
        case 1: text.replaceSubrange(place..<end, with: words.randomElement(using: &random) ?? [])
        case 2: text.removeSubrange(place..<end)
        case 3: text.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 4: text.insert(contentsOf: text[place..<end], at: place)
        default:
            guard let other = corpus.filter({ $0[0] == text[0] }).randomElement(using: &random) else {
                return
            }
            text.replaceSubrange(
                place..., with: other.suffix(Int.random(in: 0..<other.count, using: &random)))
        }
    }
}

/// Files beside the target.
enum KeptTexts {
    /// This file is Tests/TextFuzzTests.swift in it.
    private static let directory = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")

    /// `PMEMSTORE_SCALE` multiplies how much the random tests do.
    static let scale = ProcessInfo.processInfo.environment["PMEMSTORE_SCALE"].flatMap { Int($0) } ?? 1

    static func lines(_ name: String) -> [String] {
        let text = (try? String(contentsOfFile: directory + "/" + name, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// Bytes of a line with \n, \r, \t, \\, \" and \xHH, as `printf` and libFuzzer write them.
    static func unescaped(_ line: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(line.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let kind = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            switch kind {
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "x"):
                bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            default: bytes.append(kind)
            }
        }
        return bytes
    }
}
