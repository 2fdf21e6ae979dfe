"""Where a value stands in the bytes of a publisher."""

import io
import zipfile
from datetime import date

import pytest

from serving.explain.excerpt import excerpt

DAY = date(2024, 3, 28)


@pytest.mark.parametrize(
    ("body", "value", "shown"),
    [
        ('{"effectiveDate": "2024-03-28", "type": "SOFR", "percentRate": 5.34}', 5.34, "5.34"),
        ("DATE,CLOSE\n03/27/2024,12.78\n03/28/2024,13.010000\n", 13.01, "13.010000"),
        ("Date,2Y\n2024/3/28,0.196\n", 0.196, "0.196"),
        ('<Obs VALUE="7,484,739" TIME="2024-03-28"/><Obs TIME="2024-03-28" VALUE="7484740"/>', 7484740.0, "7484740"),
        ("28-Mar-2024;523.07\n", 523.07, "523.07"),
    ],
)
def test_the_value_beside_its_date(body: str, value: float, shown: str):
    found = excerpt(body.encode(), DAY, value)
    assert found is not None
    assert shown in found


def test_the_same_figure_of_another_day_is_not_taken():
    body = "date,value\n2024-03-26,5.34\n2024-03-28,5.31\n"
    assert excerpt(body.encode(), DAY, 5.34) is None, "two days before"
    assert excerpt(body.encode(), DAY, 5.3) is None, "5.31 is another number"


def test_a_member_of_a_zip_is_read():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("data.xml", '<Obs TIME_PERIOD="2024-03-28" OBS_VALUE="0.25"/>')
        archive.writestr("picture.png", b"\x89PNG 2024-03-28 0.25")
    assert excerpt(held.getvalue(), DAY, 0.25) == '<Obs TIME_PERIOD="2024-03-28" OBS_VALUE="0.25"/>'
    assert excerpt(held.getvalue()[:40], DAY, 0.25) is None, "a torn one"


def test_a_name_beside_its_day():
    assert excerpt(b"2024-03-28 SPY bought", DAY, "SPY") == "2024-03-28 SPY bought"
    assert excerpt(b"", DAY, 1.0) is None
