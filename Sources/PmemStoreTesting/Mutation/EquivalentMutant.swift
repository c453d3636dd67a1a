package import PmemStore

/// A mutant that is the same program: nothing could tell it from the engine. Counted only for exactly this site and
/// operator, and only as long as it never makes a difference.
package struct EquivalentMutant: Sendable {
    package let `operator`: MediumMutation.Operator
    package let kind: SimulatedEvent.Kind
    package let role: SimulatedEvent.Role
    package let region: SimulatedLayout.Region
    package let reason: String

    package static let all: [Self] = [
        Self(
            operator: .loseLastUnit, kind: .copyIn, role: .checkpointer, region: .superblock,
            reason:
                "The last eight bytes of a superblock's last line lie behind the bits of the table's blocks, in "
                + "stores of up to 224 blocks (24 GiB). They are outside the checksum, nobody reads them, and "
                + "zeros are written over the zeros of creation.")
    ]

    func isOf(_ site: MutationCampaign.Site) -> Bool {
        site.kind == kind && site.role == role && site.region == region
    }
}

extension MediumMutation {
    func isAt(_ other: MutationCampaign.Site) -> Bool {
        site == other.source && kind == other.kind && role == other.role
    }
}
