"""The hosts that the scheduler chooses from, generated from a seed; must not know about requests."""

from dataclasses import dataclass

from faker import Generator
from faker.providers.internet.en_US import Provider as Internet
from faker.providers.misc.en_US import Provider as Misc

ZONES = ("north", "south", "west")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One compute host and what is free on it."""

    name: str
    zone: str
    enabled: bool
    free_vcpus: int
    free_ram_mb: int
    free_disk_gb: int


def generate(seed: int, count: int) -> tuple[Host, ...]:
    """Return `count` hosts with distinct names. The same seed, count and Faker release give the same hosts."""
    fake = Generator()  # not Faker(), which looks through the folders of all languages: half of what this takes
    internet, misc = Internet(fake), Misc(fake)
    fake.add_provider(internet)
    fake.seed_instance(seed)
    return tuple(_host(internet, misc, number) for number in range(count))


def _host(internet: Internet, misc: Misc, number: int) -> Host:
    return Host(
        name=f"{internet.hostname(0)}-{number}",
        zone=misc.random_element(ZONES),
        enabled=misc.boolean(chance_of_getting_true=95),
        free_vcpus=misc.random_int(0, 64),
        free_ram_mb=misc.random_int(0, 256) * 1024,
        free_disk_gb=misc.random_int(0, 4000),
    )
