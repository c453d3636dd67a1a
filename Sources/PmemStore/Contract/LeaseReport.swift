/// What keeps others from changing the block map under the mapping, as it was found at run time.
public struct LeaseReport: Sendable, Equatable {
    /// From nothing to the most that was had; each level includes the ones before.
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        /// The file system does not report block maps: a change stays unnoticed.
        case none
        /// A change is found when the map is measured again.
        case detectOnly
        /// The kernel announces every opening by others before it succeeds, and nobody had the files open before.
        case noticeBeforeChange
        /// Besides, nobody can open the files for writing, cut, punch, rename or remove them, root included.
        case sealed
        /// Besides, the file system cannot share blocks between files: no clone can be taken either.
        case sealedUnshareable

        /// Orders levels by strength.
        public static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// The level that holds for every segment.
    public let level: Level
    /// What it rests on, and why it is not higher.
    public let reason: String
}
