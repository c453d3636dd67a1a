internal import PmemStore

/// What decides how recovery goes on from a state: the commit that it finds, and what lies where it will write. States
/// that agree in it are crashed within their recovery once.
struct RecoveryFingerprint: Hashable {
    private let hash: Int

    /// - Parameters:
    ///   - image: The state, as it was before recovery.
    ///   - live: The memory of which the power was cut.
    ///   - drains: Fences of that one so far: each changes what is durable.
    init(
        _ recovered: SimulatedLayout.Recovered, _ image: SimulatedMemory, of live: SimulatedMemory,
        drains: Int
    ) {
        var hasher = Hasher()
        hasher.combine(recovered.commit)
        hasher.combine(drains)
        for line in [recovered.tailLine, recovered.ringLine] {
            for word in 0..<8 { hasher.combine(image.word(line + 8 * word)) }
        }
        // How much of a superblock has arrived, where recovery may have to make a torn one unusable.
        for generation in [UInt64(0), 1] {
            let start = Int(Superblock.offset(generation: generation))
            let places = stride(from: start, to: start + 64, by: 8)
            hasher.combine(places.count { image.word($0) != live.durableWord($0) })
        }
        hash = hasher.finalize()
    }
}
