"""The hosts that the scheduler chooses from, generated from a seed; must not know about requests."""

from dataclasses import dataclass

from faker import Faker

ZONES = ("north", "south", "west")
PROVIDERS = ("faker.providers.internet", "faker.providers.misc")
"""Those that are used here: to build all that Faker has would take longer than the rest of the start."""


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
    fake = Faker("en_US", list(PROVIDERS))
    fake.seed_instance(seed)
    return tuple(_host(fake, number) for number in range(count))


def _host(fake: Faker, number: int) -> Host:
    return Host(
        name=f"{fake.hostname(0)}-{number}",
        zone=fake.random_element(ZONES),
        enabled=fake.boolean(chance_of_getting_true=95),
        free_vcpus=fake.random_int(0, 64),
        free_ram_mb=fake.random_int(0, 256) * 1024,
        free_disk_gb=fake.random_int(0, 4000),
    )
