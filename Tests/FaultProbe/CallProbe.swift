internal import CFaults
internal import Glibc
internal import PmemStore

/// Creates a store, lets it grow, opens it again, and says which calls that makes, in order: `create NAME`, `grow NAME`
/// or `open NAME` each.
enum CallProbe {
    static func run(_ directory: String) throws {
        var acknowledged: UInt64 = 0
        cfaults_arm(0, 0, 0)
        let store = try Store.open(directory + "/store", options: SweepScenario.options)
        say("create")
        let segments = store.statistics.segments
        cfaults_arm(0, 0, 0)
        while store.statistics.segments == segments {
            try SweepScenario.put(400_000, in: store, &acknowledged)
        }
        try store.close()  // the store grows on a thread of its own: perhaps once more, and whole
        say("grow")
        cfaults_arm(0, 0, 0)
        let again = try Store.open(directory + "/store", options: SweepScenario.options)
        say("open")
        try again.close()
    }

    private static func say(_ what: String) {
        let count = cfaults_disarm()
        for number in 0..<count {
            if let name = unsafe cfaults_call(number + 1) { unsafe print(what, String(cString: name)) }
        }
    }
}
