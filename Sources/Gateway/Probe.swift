// Finds out whether an archive honours parameters of pictures that it might ignore silently.
import DICOM
import EventLoop
import FHIR
import HTTP
import Upstream
import WADO

extension Gateway {
    /// Proves abilities with pictures of one instance, and notes what came out.
    ///
    /// - Returns: all that is known of the archive afterwards.
    func prove(
        _ abilities: [Ability], of archive: AbilityBook.Archive, base: HTTPURL, with target: InstanceTarget,
        facts: InstanceFacts?, on loop: EventLoop, clientAuthorization: String?
    ) async -> Abilities {
        // Until probes are written, WADO-RS archives are believed.
        if archive.type == .wadoRS {
            for ability in abilities { abilityBook.note(ability, .proven(true), of: archive, at: loop.now) }
        }
        return abilityBook.known(of: archive, at: loop.now)
    }
}
