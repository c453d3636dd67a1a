import Testing

@testable internal import PmemStore

@Suite("Store: against a model")
struct ModelTests {
    @Test("A store does what a dictionary of versions does", arguments: Seeds.chosen(1, 2, 3, 4))
    func model(seed: UInt64) throws {
        do {
            var driver = try ModelDriver(seed: seed)
            try driver.run(steps: 400)
        } catch {
            Issue.record("PMEMSTORE_SEED=\(seed) shows it again: \(error)")
        }
    }
}
