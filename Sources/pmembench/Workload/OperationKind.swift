/// What a call of a step did, so that a mix can be reported operation by operation.
enum OperationKind: Int, CaseIterable, Sendable {
    case read, update, insert, scan, readModifyWrite, delete, open, transfer

    /// The word of YCSB's reports, or one in its manner.
    var label: String {
        switch self {
        case .readModifyWrite: return "READ-MODIFY-WRITE"
        default: return "\(self)".uppercased()
        }
    }
}
