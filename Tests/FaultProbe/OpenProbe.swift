internal import Glibc
internal import PmemStore
internal import StoreWorkloads

/// Opens a store and says in which domain it is, or why it cannot be opened.
enum OpenProbe {
    static func run(_ path: String) -> Int32 {
        do {
            let store = try Store.open(path, options: AppendWorkload.options)
            print(store.persistence.reason)
            try store.close()
            return 0
        } catch {
            print(error)
            return 1
        }
    }
}
