/// Point of the wall clock: microseconds since 1970-01-01T00:00:00Z.
///
/// Used for display and for times to live only. Deadlines of connections are `NIODeadline`s, which a clock setting does not move.
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

    /// Compares by time.
    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// Returns the seconds from `earlier` to this point; negative when `earlier` is later.
    public func seconds(since earlier: Timestamp) -> Double {
        Double(self.microseconds.subtractingReportingOverflow(earlier.microseconds).partialValue) / 1_000_000
    }

    /// Returns the point `seconds` later; the latest representable one on overflow.
    public func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (product, tooFar) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow) = self.microseconds.addingReportingOverflow(product)
        return Timestamp(microseconds: tooFar || overflow ? .max : sum)
    }
}
