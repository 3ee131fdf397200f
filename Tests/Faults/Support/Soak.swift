import Foundation

/// How long the tests go on that could go on for ever: briefly, or with `SOAK` set in the environment (`make soak`) so many times
/// as long.
enum Soak {
    /// The rounds of a test that makes `rounds` of them in `make test`.
    static func rounds(_ rounds: Int) -> Int {
        let factor = ProcessInfo.processInfo.environment["SOAK"].flatMap(Int.init) ?? 1
        return rounds * max(1, factor)
    }
}
