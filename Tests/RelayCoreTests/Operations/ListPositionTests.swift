import RelayCore
import Testing

@Suite struct ListPositionTests {
    @Test(arguments: [
        ListPosition(id: 0), ListPosition(key: .min, id: .max), ListPosition(key: .max, id: 1), ListPosition(key: -5, id: 7),
    ])
    func itIsReadAsItIsWritten(position: ListPosition) {
        #expect(ListPosition(position.description) == position)
    }

    @Test(arguments: [
        "", ".", "1", "1.", ".1", "1.2.3", "01.2", "1.02", "+1.2", "1.-2", "1 .2", "9223372036854775808.1", "x.1",
    ])
    func noOtherTextIs(text: String) {
        #expect(ListPosition(text) == nil)
    }

    @Test func valuesComeBeforeNumbers() {
        let sorted = [
            ListPosition(key: .min, id: 9), ListPosition(key: -1, id: 3), ListPosition(key: 0, id: 1),
            ListPosition(key: 0, id: 2),
        ]
        #expect(sorted.shuffled().sorted() == sorted)
    }
}
