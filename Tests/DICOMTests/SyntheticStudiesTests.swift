import DICOM
import Testing

@Suite struct SyntheticStudiesTests {
    private let objects = SyntheticStudies.all(slices: 2, frames: 3)

    @Test func saysOfEachObjectWhatItsFileSays() throws {
        for object in objects {
            var reader = Part10HeadReader()
            guard case .facts(let facts) = try reader.feed(object.bytes()) else {
                Issue.record("\(object.path) has no facts")
                continue
            }
            #expect(facts.study == object.study)
            #expect(facts.series == object.series)
            #expect(facts.instance == object.instance)
            #expect(facts.transferSyntax == object.syntax.uid)
            #expect(facts.numberOfFrames == max(object.numberOfFrames, 1))
        }
    }

    @Test func repeatsItselfAndNothingElse() throws {
        #expect(Set(objects.map(\.path)).count == objects.count)
        #expect(Set(objects.map(\.instance)).count == objects.count)
        for object in objects { #expect(try object.bytes() == object.bytes()) }
    }
}
