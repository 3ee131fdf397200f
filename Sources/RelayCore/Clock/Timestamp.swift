/// A point of the wall clock: microseconds since 1970-01-01T00:00:00Z.
///
/// For people and for times to live only. Deadlines of connections are `NIODeadline`s, which no clock setting moves.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int64

    /// Makes the point `microseconds` after 1970-01-01T00:00:00Z.
    @inlinable
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    @inlinable
    public var milliseconds: Int64 { self.microseconds / 1_000 }

    /// By time.
    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// Seconds from `earlier` to this point; negative where it is the later one.
    public func seconds(since earlier: Timestamp) -> Double {
        Double(self.microseconds.subtractingReportingOverflow(earlier.microseconds).partialValue) / 1_000_000
    }

    /// The point `seconds` later; the latest representable one where that overflows.
    public func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (product, tooFar) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow) = self.microseconds.addingReportingOverflow(product)
        return Timestamp(microseconds: tooFar || overflow ? .max : sum)
    }
}
