/// Who must come before whom: transactions as vertices, dependencies as edges.
struct DependencyGraph {
    enum Kind: String, Hashable {
        /// The next version of what the other wrote.
        case writeWrite = "ww"
        /// A read of what the other wrote.
        case writeRead = "wr"
        /// The next version of what the other read.
        case readWrite = "rw"
    }

    struct Edge: Hashable {
        let source: Int
        let target: Int
        let kind: Kind
    }

    let vertexCount: Int
    private(set) var edges: Set<Edge> = []

    init(vertexCount: Int) { self.vertexCount = vertexCount }

    mutating func add(_ source: Int?, _ target: Int?, _ kind: Kind) {
        guard let source, let target, source != target else { return }
        edges.insert(Edge(source: source, target: target, kind: kind))
    }

    private func successors(_ kinds: Set<Kind>) -> [[Int]] {
        var successors = [[Int]](repeating: [], count: vertexCount)
        for edge in edges where kinds.contains(edge.kind) { successors[edge.source].append(edge.target) }
        return successors
    }

    /// Strongly connected components of more than one vertex, by Tarjan's algorithm without recursion.
    func cycles(_ kinds: Set<Kind>) -> [Set<Int>] {
        var search = ComponentSearch(successors(kinds))
        return search.components()
    }

    /// The vertices on a shortest way, ends included; nil when there is none.
    func path(from start: Int, to end: Int, _ kinds: Set<Kind>) -> [Int]? {
        let successors = successors(kinds)
        var origin = [start: start]
        var queue = [start]
        var next = 0
        while next < queue.count {
            let vertex = queue[next]
            next += 1
            if vertex == end { return way(back: end, origin) }
            for target in successors[vertex] where origin[target] == nil {
                origin[target] = vertex
                queue.append(target)
            }
        }
        return nil
    }

    private func way(back end: Int, _ origin: [Int: Int]) -> [Int] {
        var way = [end]
        while let last = way.last, let before = origin[last], before != last { way.append(before) }
        return way.reversed()
    }
}

/// Tarjan's search with a stack of its own, because histories are longer than the thread's stack is deep.
private struct ComponentSearch {
    private let successors: [[Int]]
    private var order: [Int?]
    private var low: [Int]
    private var isOpen: [Bool]
    private var open: [Int] = []
    private var counter = 0
    private var found: [Set<Int>] = []

    init(_ successors: [[Int]]) {
        self.successors = successors
        order = [Int?](repeating: nil, count: successors.count)
        low = [Int](repeating: 0, count: successors.count)
        isOpen = [Bool](repeating: false, count: successors.count)
    }

    mutating func components() -> [Set<Int>] {
        for vertex in successors.indices where order[vertex] == nil { visit(vertex) }
        return found
    }

    private mutating func visit(_ root: Int) {
        var calls: [(vertex: Int, next: Int)] = []
        enter(root, &calls)
        while let (vertex, next) = calls.last {
            guard next < successors[vertex].count else {
                calls.removeLast()
                leave(vertex)
                if let caller = calls.last?.vertex { low[caller] = min(low[caller], low[vertex]) }
                continue
            }
            calls[calls.count - 1].next += 1
            let target = successors[vertex][next]
            if let number = order[target] {
                if isOpen[target] { low[vertex] = min(low[vertex], number) }
            } else {
                enter(target, &calls)
            }
        }
    }

    private mutating func enter(_ vertex: Int, _ calls: inout [(vertex: Int, next: Int)]) {
        order[vertex] = counter
        low[vertex] = counter
        counter += 1
        open.append(vertex)
        isOpen[vertex] = true
        calls.append((vertex, 0))
    }

    private mutating func leave(_ vertex: Int) {
        guard low[vertex] == order[vertex] else { return }
        var component: Set<Int> = []
        while let top = open.popLast() {
            isOpen[top] = false
            component.insert(top)
            if top == vertex { break }
        }
        if component.count > 1 { found.append(component) }
    }
}
