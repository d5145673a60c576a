"""What /metrics counts, to the last one: read as a scraper reads it, by the strict readers of Prometheus' own library."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, outcome, parts, transfer
from bed.lab import BACKEND
from bed.processes import wait_until
from bed.scripted import Gate

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
#: What depends on time, memory, or on when the operating system is looked at.
RESTLESS = ("_process_", "_connections", "_free_", "_seconds_sum", "_seconds_bucket", "_open_objects", "_reserved_")


def scrape(gateway, **fields):
    answer = requests.get(f"{gateway.admin}/metrics", headers=fields, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer


def series(gateway):
    """(name, labels in order of their names) → number, of everything that does not move by itself."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in prometheus(scrape(gateway).text)
        for sample in family.samples
        if not any(word in sample.name for word in RESTLESS)
    }


def sample(name, **labels):
    return (f"wadogate_{name}", *sorted(labels.items()))


class Watch:
    """Compares the numbers of before with those of now."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.before = series(gateway)

    def changes(self, *names):
        now = series(self.gateway)
        changed = {key: now[key] - self.before.get(key, 0) for key in now if now[key] != self.before.get(key, 0)}
        wanted = {f"wadogate_{name}" for name in names}
        return {key: value for key, value in changed.items() if key[0] in wanted}

    def expect(self, expected):
        """Of each family that is named, exactly these series have changed, by so much. What a client has is counted a moment later."""
        expected = {key: value for key, value in expected.items() if value}
        names = {key[0].removeprefix("wadogate_") for key in expected} | ALWAYS
        wait_until(lambda: self.changes(*names) == expected, 10, lambda: f"{self.changes(*names)}\n!= {expected}")
        self.before = series(self.gateway)


#: These must not change where they are not expected to.
ALWAYS = {
    "requests_total",
    "answers_total",
    "answer_parts_total",
    "sent_bytes_total",
    "saved_bytes_total",
    "fills_total",
    "fill_bytes_total",
    "requests_unfinished_total",
    "backend_requests_total",
    "backend_answers_total",
    "cache_purges_total",
    "cache_evicted_series_total",
    "cache_damaged_total",
}


def answered(route, word, kind, size, saved=0, method="GET", status="2xx", backend=BACKEND):
    """What one answer of a request changes."""
    of = {"class": kind, "backend": backend}
    return {
        sample("requests_total", route=route, method=method, status=status): 1,
        sample("answers_total", outcome=word, **of): 1,
        sample("request_duration_seconds_count", route=route, outcome=word): 1,
        sample("sent_bytes_total", outcome=word, **of): size,
        sample("saved_bytes_total", **of): saved,
    }


def fetched(kind, size, result="complete", status="2xx", fills=1):
    """What one request to the archive for an object, or for several, changes."""
    of = {"class": kind, "backend": BACKEND}
    return {
        sample("fills_total", result=result, **of): fills,
        sample("fill_duration_seconds_count", **of): fills,
        sample("fill_bytes_total", **of): size,
        sample("backend_requests_total", backend=BACKEND): 1,
        sample("backend_answers_total", backend=BACKEND, status=status): 1,
    }


def get(gateway, path, accept=AS_STORED, **fields):
    return requests.get(gateway.dicomweb + path, headers={"Accept": accept, **fields}, timeout=20)


# The page.


def test_both_formats_are_read_by_prometheus_own_readers(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    for _ in range(3):
        assert get(gateway, image.path).status_code == 200
    wait_until(lambda: watchable(gateway), 5, "an answer counted")
    plain, modern = scrape(gateway, Accept="text/plain"), scrape(gateway, Accept=OPEN_METRICS)
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert modern.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    old = {(s.name, *sorted(s.labels.items())) for family in prometheus(plain.text) for s in family.samples}
    new = {(s.name, *sorted(s.labels.items())) for family in open_metrics(modern.text) for s in family.samples}
    assert old == new
    for family in prometheus(plain.text):
        assert family.name.startswith("wadogate_") and family.documentation and family.type != "unknown", family


def test_no_label_holds_what_came_with_a_request(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    get(gateway, image.path)
    get(gateway, "/studies/1.2.3/series/4.5.6")
    get(gateway, "/studies/DOE^JANE")
    requests.request("DOE^JANE", gateway.dicomweb + image.path, timeout=10)
    wait_until(lambda: 'method="other"' in scrape(gateway).text, 5, lambda: scrape(gateway).text)
    text = scrape(gateway).text
    for secret in (image.study, image.series, image.instance, "1.2.3", "4.5.6", "DOE", "JANE", str(lab.archive.port)):
        assert secret not in text, secret


def test_a_stranger_needs_the_right_host(lab):
    gateway = lab.gateway()
    assert requests.get(f"{gateway.admin}/metrics", headers={"Host": "evil.example"}, timeout=10).status_code == 403


# Single objects.


def test_a_miss_and_hits(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    watch = Watch(gateway)
    miss = get(gateway, image.path)
    assert outcome(miss) == "miss"
    size = len(miss.content)
    watch.expect(answered("instance", "miss", "instance", size) | fetched("instance", len(image.data)))
    gateway.wait_until_stored(1)
    for _ in range(3):
        assert outcome(get(gateway, image.path)) == "hit"
    of = {"class": "instance", "backend": BACKEND}
    watch.expect(
        {
            sample("requests_total", route="instance", method="GET", status="2xx"): 3,
            sample("answers_total", outcome="hit", **of): 3,
            sample("sent_bytes_total", outcome="hit", **of): 3 * size,
            sample("saved_bytes_total", **of): 3 * size,
        }
    )
    tag = miss.headers["ETag"]
    assert get(gateway, image.path, **{"If-None-Match": tag}).status_code == 304
    watch.expect(answered("instance", "hit", "instance", 0, status="3xx"))
    assert len(get(gateway, image.path, Range="bytes=0-9").content) == 10
    watch.expect(answered("instance", "hit", "instance", 10, saved=10))
    assert requests.head(gateway.dicomweb + image.path, headers={"Accept": AS_STORED}, timeout=10).status_code == 200
    watch.expect(answered("instance", "hit", "instance", 0, method="HEAD"))


def test_followers(lab):
    image = lab.large("large", megabytes=4)
    gate = lab.archive.gates[image.instance] = Gate(at=1 << 20)
    gateway = lab.gateway()
    watch = Watch(gateway)
    served = [threading.Event() for _ in range(3)]

    def client(number):
        url = gateway.dicomweb + image.path
        return transfer(url, {"Accept": "application/dicom; transfer-syntax=*"}, on_bytes=lambda _: served[number].set())

    with ThreadPoolExecutor(3) as pool:
        clients = [pool.submit(client, number) for number in range(3)]
        try:
            # All of them have something while the archive has sent a quarter.
            assert all(each.wait(30) for each in served)
            assert series(gateway)[sample("fills_running")] == 1
        finally:
            gate.open()
        answers = [each.result() for each in clients]
    assert sorted(map(outcome, answers)) == ["follow", "follow", "miss"]
    size = image.stored.length
    assert all(each.length == size for each in answers)
    of = {"class": "instance", "backend": BACKEND}
    watch.expect(
        fetched("instance", size)
        | {
            sample("requests_total", route="instance", method="GET", status="2xx"): 3,
            sample("answers_total", outcome="miss", **of): 1,
            sample("answers_total", outcome="follow", **of): 2,
            sample("sent_bytes_total", outcome="miss", **of): size,
            sample("sent_bytes_total", outcome="follow", **of): 2 * size,
            sample("saved_bytes_total", **of): 2 * size,
        }
    )
    assert series(gateway)[sample("fills_running")] == 0


def test_a_list_of_frames_counts_each(lab):
    """Made of one instance, which the first request has fetched: the list says what costs most, its parts what each was."""
    image = lab.small("image", front="uri", frames=5)
    gateway = lab.gateway()
    get(gateway, image.path)
    gateway.wait_until_stored(1)
    wait_until(lambda: watchable(gateway), 10, "the first request counted")
    watch = Watch(gateway)
    answer = get(gateway, image.path + "/frames/1,2,5", FRAMES_AS_STORED)
    found = parts(answer)
    assert len(found) == 3
    watch.expect(
        answered(
            "instance/frames", "derived", "frame", len(answer.content), saved=sum(len(each.body) for each in found)
        )
        | {sample("answer_parts_total", outcome="derived", **{"class": "frame"}): 3}
    )
    line = wait_until(lambda: gateway.requests_logged()[1:], 5, gateway.log)[0]
    assert line["cache"] == "derived" and line["parts_derived"] == 3, line


def watchable(gateway):
    return any(key[0] == "wadogate_answers_total" for key in series(gateway))


def test_what_is_made_from_an_instance(lab):
    """The first frame has the instance fetched, and saves nothing; the second is made of what is here."""
    image = lab.small("image", front="uri", frames=3)
    gateway = lab.gateway()
    watch = Watch(gateway)
    first = get(gateway, image.path + "/frames/1", FRAMES_AS_STORED)
    assert outcome(first) == "derived", first.text
    size = len(first.content)
    index = {sample("derivations_total", result="complete", **{"class": "frame-index"}): 1}
    watch.expect(
        answered("instance/frames", "derived", "frame", size) | fetched("instance", len(image.data)) | index
    )
    second = get(gateway, image.path + "/frames/2", FRAMES_AS_STORED)
    watch.expect(answered("instance/frames", "derived", "frame", len(second.content), saved=len(second.content)))


# What fails.


def test_refusals(lab):
    image = lab.small("image")
    del lab.archive.objects[image.instance]
    gateway = lab.gateway()
    watch = Watch(gateway)
    refused = get(gateway, image.path)
    assert refused.status_code == 404 and "X-Cache" not in refused.headers
    watch.expect(
        answered("instance", "none", "none", len(refused.content), status="4xx")
        | fetched("instance", 0, result="refused", status="4xx")
    )
    again = get(gateway, image.path)
    assert again.status_code == 404
    watch.expect(
        answered("instance", "none", "none", len(again.content), status="4xx") | {sample("negative_hits_total"): 1}
    )
    nothing = requests.get(f"{gateway.origin}/nothing", timeout=10)
    watch.expect(answered("(unknown)", "none", "none", len(nothing.content), status="4xx", backend="none"))
    wrong = get(gateway, "/studies/not-a-uid")
    watch.expect(answered("(refused)", "none", "none", len(wrong.content), status="4xx", backend="none"))


def test_an_archive_that_is_gone(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    lab.archive.stop()
    watch = Watch(gateway)
    answer = get(gateway, image.path)
    assert answer.status_code == 502
    watch.expect(
        answered("instance", "none", "none", len(answer.content), status="5xx")
        | {
            sample("fills_total", result="failed", backend=BACKEND, **{"class": "instance"}): 1,
            sample("backend_requests_total", backend=BACKEND): 1,
            sample("backend_failures_total", backend=BACKEND, reason="connect"): 1,
        }
    )


# Space.


def test_a_purge(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    get(gateway, image.path)
    gateway.wait_until_stored(1)
    wait_until(lambda: series(gateway)[sample("cache_objects")] == 1, 10, lambda: scrape(gateway).text)
    kept = series(gateway)
    assert kept[sample("cache_class_objects", **{"class": "instance"})] == 1
    assert kept[sample("cache_backend_bytes", backend=BACKEND)] == kept[sample("cache_bytes")] > len(image.data)
    watch = Watch(gateway)
    assert gateway.purge_request(image.study).status_code == 200
    watch.expect(
        {sample("cache_purges_total"): 1, sample("cache_purged_bytes_total"): kept[sample("cache_bytes")]}
    )
    wait_until(lambda: series(gateway)[sample("cache_objects")] == 0, 10, lambda: scrape(gateway).text)


def test_evictions(lab):
    """Room for one of two studies."""
    images = [lab.small(name, study=name, pixels=600) for name in ("first", "second")]
    gateway = lab.gateway(cache={"max_size": "1MiB"})
    watch = Watch(gateway)
    for image in images:
        assert get(gateway, image.path).status_code == 200
    key = sample("cache_evicted_series_total")
    wait_until(lambda: watch.changes("cache_evicted_series_total") == {key: 1}, 10, lambda: scrape(gateway).text)
    now = series(gateway)
    assert now[sample("cache_evicted_bytes_total")] > len(images[0].data)
    assert now[sample("cache_evicted_idle_seconds_count")] == 1
    assert now[sample("cache_max_bytes")] == 1 << 20


# One word for all.


def test_the_field_the_log_and_the_metric_agree(hospital, http):
    """A viewer's requests of each kind, twice: the same outcomes in X-Cache, in the log and in /metrics."""
    gateway = hospital.gateway
    images = [*hospital.rs.whole_studies[:6], *hospital.uri.whole_studies[:6]]
    asked = [
        (path, accept)
        for image in images
        for path, accept in (
            (image.path, AS_STORED),
            (image.path + "/frames/1", FRAMES_AS_STORED),
            (image.path + "/metadata", JSON),
            (image.path + "/rendered", "image/jpeg"),
            (f"/studies/{image.study}/series/{image.series}", AS_STORED),
            (f"/studies/{image.study}/metadata", JSON),
            (image.path + "/nonsense", AS_STORED),
        )
    ] * 2
    watch = Watch(gateway)
    logged = len(gateway.requests_logged())
    told = Counter()
    for path, accept in asked:
        answer = http.get(gateway.dicomweb + path, headers={"Accept": accept})
        field = answer.headers.get("X-Cache", "none; none")
        told[tuple(field.split("; "))] += 1

    def counted():
        found = Counter()
        for key, value in watch.changes("answers_total").items():
            labels = dict(key[1:])
            found[labels["outcome"], labels["class"]] += value
        return found

    wait_until(lambda: counted() == told, 10, lambda: f"{counted()} != {told}")
    wait_until(lambda: len(gateway.requests_logged()) == logged + len(asked), 10, gateway.log_tail)
    lines = gateway.requests_logged()[logged:]
    assert Counter((line.get("cache", "none"), line.get("object", "none")) for line in lines) == told, json.dumps(lines)
    assert {word for word, _ in told} >= {"hit", "miss", "derived", "none"}, told
