import sys,tempfile,time
from pathlib import Path
sys.path.insert(0,'.')
from tests.secrets.test_channels import *
import tests.integration.suite_runs as sr
import string
if __name__=="__main__":
    f=Path(tempfile.mkdtemp())
    pl=Planted(f,HEADER.replace("'",""))
    texts=[list(ENCODINGS.values())[n%len(ENCODINGS)](s) for n,s in enumerate(pl.known)]
    with echoing() as (u,c):
        t=time.time()
        o=pl.run(u,*sys.argv[1:],texts=texts)
        print(time.time()-t); print(o.stdout[-1500:])
    t=time.time()
    for w,l in pl.leaks(o,c).items():
        print(w,len(l),l[:5])
        data=(o.stdout if w=="stdout" else o.stderr if w=="stderr" else Path(w).read_text() if Path(w).is_file() else w)
        for x in l[:3]:
            i=data.find(x); print("   ",repr(data[max(0,i-200):i+60]) if i>=0 else "encoded")
    print("scan",time.time()-t, f)
