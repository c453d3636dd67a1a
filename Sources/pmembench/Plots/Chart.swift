/// A picture to be drawn by gnuplot.
struct Chart: Sendable {
    enum Kind: Sendable, Equatable {
        /// Groups of bars: the first coordinate of a point names its group.
        case bars(groups: [String])
        /// Lines with points over a logarithmic or percentile axis.
        case lines(isLogarithmic: Bool, ticks: [(position: Double, label: String)])

        static func == (left: Kind, right: Kind) -> Bool {
            switch (left, right) {
            case (.bars(let one), .bars(let other)): return one == other
            case (.lines(let one, _), .lines(let other, _)): return one == other
            default: return false
            }
        }
    }

    struct Series: Sendable {
        let name: String
        /// x and y; for bars x is the number of the group.
        let points: [(x: Double, y: Double)]
    }

    /// With names of benchmarks, which a saved report may have from anywhere.
    let name: String
    let title: String
    let xLabel: String
    let yLabel: String
    let kind: Kind
    let series: [Series]

    /// Of its files, without ending. It leads to no other directory.
    var fileName: String {
        String(name.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
    }

    /// Text that gnuplot draws the picture from, in the format of `terminal`, to `path`.
    func script(terminal: String, path: String) -> String {
        let head = [
            "set terminal \(terminal)", "set output \(Self.quoted(path))", "set title \(Self.quoted(title))",
            "set xlabel \(Self.quoted(xLabel))", "set ylabel \(Self.quoted(yLabel))", "set logscale y",
            "set grid ytics lc rgb '#dddddd'", "set key outside right top noenhanced", "set border 3",
            "set tics nomirror", "set format y '%.0s%c'",
        ]
        let blocks = series.enumerated().map { index, one in
            (["$series\(index) << EOD"] + lines(one) + ["EOD"]).joined(separator: "\n")
        }
        return (head + axis + blocks + [plot]).joined(separator: "\n") + "\n"
    }

    private var axis: [String] {
        switch kind {
        case .bars(let groups):
            let labels = groups.enumerated().map { "\(Self.quoted($1)) \($0)" }.joined(separator: ", ")
            return [
                "set style fill solid 0.9", "set xtics rotate by -40 noenhanced (\(labels))",
                "set boxwidth \(0.8 / Double(max(series.count, 1)))",
                "set xrange [-0.6:\(groups.count).0 - 0.4]",
            ]
        case .lines(let isLogarithmic, let ticks):
            let labels = ticks.map { "\(Self.quoted($0.label)) \($0.position)" }.joined(separator: ", ")
            return (isLogarithmic ? ["set logscale x"] : [])
                + (labels.isEmpty ? [] : ["set xtics (\(labels))"])
        }
    }

    private func lines(_ one: Series) -> [String] {
        one.points.filter { $0.y > 0 }.map { "\($0.x) \($0.y)" }
    }

    private var plot: String {
        let width = 0.8 / Double(max(series.count, 1))
        let parts = series.enumerated().map { index, one in
            let shift = (Double(index) - Double(series.count - 1) / 2) * width
            let style =
                switch kind {
                case .bars: "using ($1+(\(shift))):2 with boxes"
                case .lines: "with linespoints pt 7 ps 0.6 lw 2"
                }
            let color = Self.colors[index % Self.colors.count]
            return "$series\(index) \(style) lc rgb '\(color)' title \(Self.quoted(one.name))"
        }
        return "plot " + parts.joined(separator: ", \\\n     ")
    }

    /// Told apart by people who see few colours, too.
    private static let colors = [
        "#0072b2", "#d55e00", "#e69f00", "#009e73", "#56b4e9", "#cc79a7", "#999999", "#000000",
    ]

    /// Names of ours hold no quotes; those of others lose them.
    private static func quoted(_ text: String) -> String {
        "'" + text.filter { $0 != "'" && $0 != "\n" } + "'"
    }
}
