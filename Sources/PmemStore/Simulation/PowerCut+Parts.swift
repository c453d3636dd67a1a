/// Which parts of what a call has stored stand for all that can arrive of it.
extension PowerCut {
    package static let exhaustiveLimit = 6
    private static let randomParts = 4
    /// Groups of more words have so many of them taken singly, evenly spread.
    private static let singlesLimit = 96

    /// Parts of a group of `count` words, the whole among them.
    package static func arity(_ count: Int) -> Int {
        if count <= exhaustiveLimit { return 1 << count }
        let singles = min(count, singlesLimit)
        return 2 + 2 * singles + 2 * (singles - 3) + randomParts
    }

    /// The part without any word.
    package static let nothing: Int32 = 1

    /// Two parts that stand for all: one word missing or so, and one of chance.
    static func samples(_ count: Int, seed: Int) -> SIMD2<Int32> {
        if count > exhaustiveLimit {
            let singles = min(count, singlesLimit)
            return SIMD2(Int32(2 + seed % singles), Int32(arity(count) - 1 - seed % randomParts))
        }
        let parts = 1 << count - 2
        let (one, other) = (seed % parts, (seed + parts / 2) % parts)
        return SIMD2(Int32(2 + min(one, other)), Int32(2 + max(one, other)))
    }

    /// True when part `choice` of a group has the word at `place`. Part 0 is the whole.
    package static func isPresent(_ place: Int, of count: Int, _ choice: Int, seed: Int) -> Bool {
        if choice == 0 { return true }
        if choice == nothing { return false }
        if count <= exhaustiveLimit { return ((1 << count) - choice) >> place & 1 == 1 }
        let singles = min(count, singlesLimit)
        var rest = choice - 2
        if rest < singles { return place != single(rest, count) }
        rest -= singles
        if rest < singles { return place == single(rest, count) }
        rest -= singles
        if rest < singles - 3 { return place < single(rest + 2, count) }
        rest -= singles - 3
        if rest < singles - 3 { return place >= single(rest + 2, count) }
        rest -= singles - 3
        if place == (rest + seed) % count { return false }
        let mixed = (UInt64(place) &+ UInt64(rest + 7 * seed)) &* 0xbf58_476d_1ce4_e5b9
        return (mixed ^ mixed >> 29) &* 0x94d0_49bb_1331_11eb >> 40 & 1 == 1
    }

    private static func single(_ index: Int, _ count: Int) -> Int {
        count <= singlesLimit ? index : index * (count - 1) / (singlesLimit - 1)
    }
}
