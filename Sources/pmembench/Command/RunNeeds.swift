import Foundation

/// Room that a run takes, estimated before it begins: an engine that runs out of space half way, or a system that kills
/// the process, would waste all that was measured.
struct RunNeeds {
    /// On the medium.
    private(set) var stored = 0.0
    /// In memory, beside a medium that is memory itself.
    private(set) var resident = 0.0

    /// The stores of a configuration lie there side by side until the next one begins.
    init(_ parts: [RunPart]) {
        for part in parts {
            // A backup has one copy at a time beside the stores.
            let copies = part.workloads.contains(.backup) ? 1 : 0
            for parameters in part.configurations {
                let keys = Double(parameters.keys)
                let overwrites = Self.viewedRounds(part, parameters) * parameters.viewedWrites
                let each = part.engines.map {
                    $0.storedBytes(parameters) + Double(overwrites * $0.bytesPerWriteBesideView)
                }
                stored = max(stored, each.reduce(0, +) + Double(copies) * (each.max() ?? 0))
                let caches = part.engines.reduce(0.0) { $0 + $1.residentBytes(parameters) }
                // Numbers, versions and marks of the checks.
                resident = max(resident, caches + keys * Double(24 + 8 * parameters.threads))
            }
        }
    }

    /// Rounds of a long reader whose pages the store has at the same time. The next round uses them again, but not
    /// beside a backup and its writer: three rounds of 100 000 writes left LMDB 13 GB, which is 3.5 times one.
    private static func viewedRounds(_ part: RunPart, _ parameters: RunParameters) -> Int {
        guard part.workloads.contains(.longreader) else { return 0 }
        return part.workloads.contains(.backup) ? parameters.rounds + 1 : 1
    }

    /// Refuses a run for which there is no room, and says what to change.
    func check(_ directory: Directory) throws {
        let remedy = "lower --keys or --value-size, name fewer engines, or choose another --path"
        if let free = directory.freeBytes, Double(free) < stored {
            throw BenchmarkFailure(
                .usage,
                "the run needs about \(Self.mebibytes(stored)) in \(directory.path), which has "
                    + "\(Self.mebibytes(Double(free))) free; " + remedy)
        }
        let needed = resident + (directory.isVolatile ? stored : 0)
        if let available = Self.availableMemory, Double(available) < needed {
            let whatFor = directory.isVolatile ? ", its stores included" : ""
            throw BenchmarkFailure(
                .usage,
                "the run needs about \(Self.mebibytes(needed)) of memory\(whatFor), and "
                    + "\(Self.mebibytes(Double(available))) are available (/proc/meminfo); " + remedy)
        }
    }

    private static func mebibytes(_ bytes: Double) -> String { String(format: "%.0f MiB", bytes / 0x1p20) }

    /// What the system can give without swapping; nil where it does not tell.
    static var availableMemory: Int? {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line.flatMap { line in
            line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
    }
}

extension EngineName {
    /// Bytes of so many pairs of a run, of the whole store unless told otherwise, with those that YCSB inserts.
    func storedBytes(_ parameters: RunParameters, pairs: Int? = nil) -> Double {
        0x1p26 + Double(pairs ?? parameters.keys) * 1.2 * Double(bytesPerPair(parameters.shape.pairBytes))
    }

    /// Bytes of memory for it beside the medium.
    func residentBytes(_ parameters: RunParameters) -> Double {
        Double(parameters.keys) * 1.2 * Double(residentBytesPerPair(parameters.shape.pairBytes))
    }

    /// Bytes that a pair of so many bytes takes on the medium, at most: measured after random inserts and overwrites of
    /// pairs of 116 bytes.
    private func bytesPerPair(_ pair: Int) -> Int {
        switch self {
        // A record in whole lines, its place in a node, log and checkpoints.
        case .pmemstore: return pair + 128
        case .libpmemobj, .libpmemobjHash: return pair + 160
        // Half-full pages of both trees of pages.
        case .lmdb, .lmdbWritemap: return 2 * pair + 64
        // A level and the one that it is merged into.
        case .rocksdb, .leveldb: return 2 * pair + 64
        case .sqlite: return 2 * pair + 64
        }
    }

    /// Bytes that one more overwrite takes while a view from before is held: measured over eight rounds, and rounded
    /// up. The first one takes two thirds of that.
    var bytesPerWriteBesideView: Int {
        switch self {
        // A leaf, the branches above it, and pages for the list of free ones.
        case .lmdb, .lmdbWritemap: return 9 * 4096
        default: return 0
        }
    }

    /// Bytes of memory for each pair beside the medium.
    private func residentBytesPerPair(_ pair: Int) -> Int {
        switch self {
        case .pmemstore: return 40
        case .libpmemobj, .libpmemobjHash, .lmdb, .lmdbWritemap: return 0
        // Caches that hold everything.
        case .rocksdb, .sqlite, .leveldb: return pair + 64
        }
    }
}
