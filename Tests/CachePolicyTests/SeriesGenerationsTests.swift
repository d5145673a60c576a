import CachePolicy
import DICOM
import Testing

@Suite struct SeriesGenerationsTests {
    private func series(_ study: String, _ series: String) throws -> SeriesKey {
        SeriesKey(study: try uid(study), series: try uid(series))
    }

    @Test func whatBeganBeforeARaiseIsNotCurrent() throws {
        let key = try series("1", "1.1")
        var generations = SeriesGenerations()
        let before = generations.fillBegan(key)
        #expect(generations.isCurrent(before, of: key))
        #expect(generations.raise { $0 == key } == [key])
        #expect(!generations.isCurrent(before, of: key))
        let after = generations.fillBegan(key)
        #expect(generations.isCurrent(after, of: key))
        #expect(!generations.isCurrent(before, of: key))
    }

    @Test func aSeriesThatWasForgottenComesBackWithAnotherNumber() throws {
        let key = try series("1", "1.1")
        var generations = SeriesGenerations()
        let old = generations.fillBegan(key)
        generations.fillEnded(key)
        #expect(generations.count == 0)
        let new = generations.fillBegan(key)
        #expect(new != old)
        #expect(!generations.isCurrent(old, of: key))
    }

    @Test func otherSeriesAreLeftAlone() throws {
        let purged = try series("1", "1.1")
        let other = try series("2", "2.1")
        var generations = SeriesGenerations()
        _ = generations.fillBegan(purged)
        let generation = generations.fillBegan(other)
        generations.raise { $0.study == purged.study }
        #expect(generations.isCurrent(generation, of: other))
    }

    @Test func fillsOfOneSeriesShareItsGeneration() throws {
        let key = try series("1", "1.1")
        var generations = SeriesGenerations()
        #expect(generations.fillBegan(key) == generations.fillBegan(key))
        generations.fillEnded(key)
        #expect(generations.count == 1)
        generations.fillEnded(key)
        generations.fillEnded(key)
        #expect(generations.count == 0)
    }
}
