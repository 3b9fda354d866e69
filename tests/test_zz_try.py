import sys
import time

sys.path.insert(0,'/work/main')
import pytest

from tests import test_axe


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_x(office):
    t=time.time(); p=test_axe.everything(office); print(time.time()-t, len(p.kept))
    for s in p.kept: print(len(s.html), s)
    print(p.wrong); print('pages',sorted(p.pages)); print('others', sorted(p.others))
