import CPmem
import Foundation
import Synchronization

/// One measured call, repeated. Steps own their buffers and random numbers; they are specialised, never boxed.
protocol WorkStep: Sendable {
    /// What the latest call was.
    var kind: OperationKind { get }
    mutating func perform() throws
}

/// How long a number of calls took.
struct Timing: Sendable {
    var nanoseconds: UInt64
    private var histograms = [LatencyHistogram?](repeating: nil, count: OperationKind.allCases.count)

    init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    mutating func record(_ nanoseconds: UInt64, _ kind: OperationKind) {
        if histograms[kind.rawValue] == nil { histograms[kind.rawValue] = LatencyHistogram() }
        histograms[kind.rawValue]?.record(nanoseconds)
    }

    /// Adds the latencies, not the time.
    mutating func addLatencies(_ other: Timing) {
        for index in histograms.indices {
            guard let theirs = other.histograms[index] else { continue }
            if histograms[index] == nil { histograms[index] = LatencyHistogram() }
            histograms[index]?.add(theirs)
        }
    }

    mutating func dropLatencies() {
        histograms = histograms.map { _ in nil }
    }

    func latency(of kind: OperationKind) -> LatencyHistogram? { histograms[kind.rawValue] }

    /// All kinds together.
    var latency: LatencyHistogram {
        var all = LatencyHistogram()
        for case .some(let one) in histograms { all.add(one) }
        return all
    }
}

/// Runs steps, each on a thread of its own, and times them together.
///
/// The sampled calls are timed by two clock reads; the others run untouched, so that throughput stays honest.
enum StepRunner {
    static func run<Step: WorkStep>(
        _ steps: inout [Step], callsPerStep: [Int], sampling: LatencySampling, processors: [Int] = []
    ) throws -> Timing {
        precondition(steps.count == callsPerStep.count)
        if steps.count > 1 || !processors.isEmpty {
            return try runThreads(&steps, callsPerStep, sampling, processors)
        }
        var timing = Timing(nanoseconds: 0)
        let distances = sampling.distances(ofThread: 0)
        let start = cpm_monotonic_nanoseconds()
        try repeatCalls(&steps[0], callsPerStep[0], distances, &timing)
        timing.nanoseconds = cpm_monotonic_nanoseconds() - start
        return timing
    }

    private static func runThreads<Step: WorkStep>(
        _ steps: inout [Step], _ callsPerStep: [Int], _ sampling: LatencySampling, _ processors: [Int]
    ) throws -> Timing {
        let outcome = Mutex((timing: Timing(nanoseconds: 0), failure: (any Error)?.none))
        let finished = Mutex(steps.map(Optional.some))
        let distances = steps.indices.map { sampling.distances(ofThread: $0) }
        let start = cpm_monotonic_nanoseconds()
        WorkerThreads.run(steps.count) { index in
            guard var step = finished.withLock({ $0[index] }) else { return }
            var timing = Timing(nanoseconds: 0)
            do {
                if !processors.isEmpty { try Processors.pin(to: processors[index % processors.count]) }
                try repeatCalls(&step, callsPerStep[index], distances[index], &timing)
            } catch {
                outcome.withLock { $0.failure = error }
            }
            let (doneStep, doneTiming) = (step, timing)
            finished.withLock { $0[index] = doneStep }
            outcome.withLock { $0.timing.addLatencies(doneTiming) }
        }
        let end = cpm_monotonic_nanoseconds()
        if let failure = outcome.withLock({ $0.failure }) { throw failure }
        steps = finished.withLock { $0.compactMap { $0 } }
        var timing = outcome.withLock { $0.timing }
        timing.nanoseconds = end - start
        return timing
    }

    @inline(never)
    private static func repeatCalls<Step: WorkStep>(
        _ step: inout Step, _ calls: Int, _ distances: [Int], _ timing: inout Timing
    ) throws {
        var remaining = calls
        var place = 0
        while remaining > 0 {
            let distance = distances[place]
            place = place + 1 < distances.count ? place + 1 : 0
            let start = cpm_monotonic_nanoseconds()
            try step.perform()
            timing.record(cpm_monotonic_nanoseconds() - start, step.kind)
            let untimed = min(distance, remaining) - 1
            for _ in 0..<untimed { try step.perform() }
            remaining -= untimed + 1
        }
    }
}

/// Threads that are started together and waited for.
enum WorkerThreads {
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let group = DispatchGroup()
        for index in 0..<count {
            group.enter()
            let thread = Thread {
                body(index)
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
    }
}
