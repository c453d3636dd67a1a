import Foundation
import PmemStore

/// Everything that the doctor has found, in the form in which it is printed.
struct DoctorReport: Codable, Equatable {
    /// A value and why it is so.
    struct Finding: Codable, Equatable {
        let value: String
        let reason: String
    }

    /// What a store in this directory would get.
    struct Place: Codable, Equatable {
        let fileSystem: String
        let isDAX: Bool
        let grantsMapSync: Bool
        let persistence: Finding
        let strongestLease: Finding
        let extents: Int
        /// 0 to 1; missing where the file system does not report block maps.
        let hugePageShare: Double?
        /// 0 to 1; 0 is good.
        let unwrittenShare: Double
        let canShareBlocks: Bool
    }

    struct Extent: Codable, Equatable {
        let offset: UInt64
        let place: UInt64
        let bytes: UInt64
        /// Of FIEMAP, in hexadecimal; 0 is good.
        let flags: String
    }

    struct Segment: Codable, Equatable {
        let name: String
        let bytes: UInt64
        let seal: String
        let isLeased: Bool
        /// Missing when the file was not measured, as what follows.
        let extents: [Extent]?
        let hugePageShare: Double?
        /// 0 to 1; 0 is good.
        let unwrittenShare: Double?
        let sharedBytes: UInt64?
        let hasMoved: Bool
    }

    struct StoreState: Codable, Equatable {
        let isInUse: Bool
        let owner: Int32?
        let leaseHeld: String
        let generation: UInt64?
        let commit: UInt64?
        let wasClosed: Bool?
        let segments: [Segment]
    }

    let path: String
    /// Missing where nothing could be tried out; `placeProblem` says why.
    let place: Place?
    let placeProblem: String?
    /// Missing when the directory holds no store.
    let store: StoreState?
    let privileges: [String: Bool]
    /// What would keep the store from opening.
    let problems: [String]
    /// How to get the next better rung.
    let advice: [String]

    /// - Parameter visits: Whether the files of a store in use are opened.
    /// - Throws: ``StoreError/open(_:)``: there is nothing to look at.
    init(path: String, visits: Bool = true) throws {
        try Self.requireDirectory(path)
        self.path = path
        var probe: PlaceProbe?
        var problem: String?
        do throws(StoreError) {
            probe = try PlaceProbe(directory: path)
        } catch {
            problem = ErrorText.line(error)
        }
        let inspection = try StoreInspection(directory: path, visits: visits)
        let privileges = Privileges()
        place = probe.map(Place.init)
        placeProblem = problem
        store = inspection.map(StoreState.init)
        self.privileges = privileges.held
        problems = (inspection?.problems ?? []).map(ErrorText.line)
        advice = Advice.lines(probe, inspection, privileges)
    }

    private static func requireDirectory(_ path: String) throws(StoreError) {
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw .open(.missing(path: path))
        }
        guard isDirectory.boolValue else {
            throw .open(.notAStore(path: path, reason: "it is not a directory; a store is one"))
        }
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

extension DoctorReport.Place {
    init(_ probe: PlaceProbe) {
        self.init(
            fileSystem: probe.persistence.fileSystem, isDAX: probe.persistence.isDAX,
            grantsMapSync: probe.persistence.mapSync,
            persistence: .init(
                value: probe.persistence.domain.rawValue, reason: probe.persistence.reason),
            strongestLease: .init(value: "\(probe.lease.level)", reason: probe.lease.reason),
            extents: probe.extents.extents.count, hugePageShare: probe.extents.hugePageShare,
            unwrittenShare: probe.extents.unwrittenShare, canShareBlocks: probe.canShare)
    }
}

extension DoctorReport.StoreState {
    init(_ found: StoreInspection) {
        self.init(
            isInUse: found.isInUse, owner: found.owner, leaseHeld: found.leaseHeld,
            generation: found.checkpoint?.generation, commit: found.checkpoint?.commit,
            wasClosed: found.checkpoint?.wasClosed, segments: found.segments.map(DoctorReport.Segment.init))
    }
}

extension DoctorReport.Segment {
    init(_ facts: StoreInspection.SegmentFacts) {
        self.init(
            name: facts.name, bytes: facts.byteCount, seal: facts.seal, isLeased: facts.isLeased,
            extents: facts.extents?.extents.map {
                .init(
                    offset: $0.logical, place: $0.physical, bytes: $0.byteCount,
                    flags: "0x" + String($0.flags, radix: 16))
            },
            hugePageShare: facts.extents?.hugePageShare, unwrittenShare: facts.extents?.unwrittenShare,
            sharedBytes: facts.extents.map { Sharing.extents(of: $0).reduce(0) { $0 + $1.byteCount } },
            hasMoved: facts.hasMoved)
    }
}

extension StoreInspection {
    var problems: [StoreError] { (problem.map { [$0] } ?? []) + segments.compactMap(\.problem) }

    /// As it can be seen from outside; the store itself knows more.
    var leaseHeld: String {
        if !isInUse { return "none" }
        guard segments.allSatisfy(\.isLeased) else { return "detectOnly" }
        return segments.allSatisfy { !$0.seal.isEmpty } ? "sealed" : "noticeBeforeChange"
    }
}
