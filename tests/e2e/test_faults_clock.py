"""A worker's clock that jumps an hour: no deadline is burnt, and the decisions' clock never goes back."""

import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from models.commands import Confirm, Reserve
from models.outcomes import Outcome
from tests.e2e.audit import Asked, Judgement
from tests.e2e.cluster import PARTITIONS, Cluster
from tests.e2e.load import Producer, skus_of

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
