import Foundation

/// Draws charts, each as SVG and as PNG.
struct Gnuplot {
    let directory: String

    /// Returns the paths of the SVG files, in the order of the charts.
    func draw(_ charts: [Chart]) throws -> [String] {
        try charts.map { chart in
            let path = directory + "/" + chart.fileName
            let width = chart.series.count * 60 + 900
            try run(
                chart.script(
                    terminal: "svg size \(width),560 dynamic font 'sans,13' background '#ffffff'",
                    path: path + ".svg"))
            try run(chart.script(terminal: "pngcairo size \(width),560 font 'sans,11'", path: path + ".png"))
            return path + ".svg"
        }
    }

    private func run(_ script: String) throws {
        let file = directory + "/chart.gnuplot"
        try script.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gnuplot", file]
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if process.terminationStatus == 127 {
            throw BenchmarkFailure(.usage, "gnuplot is missing; install gnuplot-nox")
        }
        guard process.terminationStatus == 0 else {
            let line = text.split(separator: "\n").last.map(String.init) ?? "it gave no reason"
            throw BenchmarkFailure(.failure, "gnuplot failed: \(line)")
        }
    }
}
