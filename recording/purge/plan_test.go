package purge

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/retention"
)

func TestPlan(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	goes, stays := street(h)
	h.put(10, young.AddDate(0, 0, 1), "wav")
	r := h.reaper(nil)
	defer r.Close()
	p, err := r.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Due) != 3 || len(p.Held) != 3 || p.Next == nil || p.Next.ID != nth(7) || p.Stopped == "" || p.Left != 24*time.Hour {
		t.Errorf("planned %+v", p)
	}
	for id, files := range stays {
		if h.left(id) != files {
			t.Errorf("a plan has changed %s", id)
		}
	}
	for _, id := range goes {
		if strings.Contains(h.left(id), "gone") {
			t.Errorf("a plan has erased %s", id)
		}
	}
	// What comes next may lie in a later folder, where a class is kept for less.
	h.rules.Classes = []retention.Class{{Name: "short", Keep: 10, Queues: []string{"general"}}}
	if p, err := r.Plan(t.Context()); err != nil || p.Next == nil || p.Next.ID != nth(7) || p.Next.Class != "short" || len(p.Due) != 3 {
		t.Errorf("planned %+v, %v", p, err)
	}
}

// Figured by hand: ten days of 1,000 bytes each.
func TestForecast(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	for day := 1; day <= 10; day++ {
		h.put(day, h.now.AddDate(0, 0, -day), "wav") // 300 bytes
		h.put(100+day, h.now.AddDate(0, 0, -day), "rec", "key", "peaks")
	}
	r := h.reaper(nil)
	defer r.Close()
	const aDay = 300 + 300 + 300 + 500
	f, err := r.Forecast(t.Context(), 100*aDay+10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	left, ok := f.Left()
	if f.Growth != aDay || f.Days != 7 || f.Kept != 10*aDay || f.Purged30 != 0 || !ok || left.Round(24*time.Hour) != 100*24*time.Hour {
		t.Errorf("got %+v, full in %v", f, left)
	}
	// With room for more than a year of it, it is never full: what is a year old goes.
	if f, err := r.Forecast(t.Context(), 370*aDay, 1<<20); err != nil || !f.Full.IsZero() {
		t.Errorf("got %+v, %v", f, err)
	}
	if f, err := r.Forecast(t.Context(), 350*aDay, 1<<20); err != nil || f.Full.IsZero() {
		t.Errorf("got %+v, %v", f, err)
	}
	// A lot that comes due in a month moves the day: 50 days' worth.
	h.put(200, h.now.AddDate(0, -11, 0), "wav")
	h.write(h.dir+"/recordings/"+h.now.AddDate(0, -11, 0).In(baku).Format("2006/01/02")+"/"+string(nth(200))+".wav", strings.Repeat("x", 50*aDay))
	f, err = r.Forecast(t.Context(), 100*aDay+10, 1<<30)
	if left, _ := f.Left(); err != nil || left.Round(24*time.Hour) != 150*24*time.Hour || f.Purged30 != 0 {
		t.Errorf("got %+v, full in %v, %v", f, left, err)
	}
	// A hold on it moves it back.
	h.holds = []call.Hold{{ID: 1, Calls: nil}}
	h.holds[0].Calls = append(h.holds[0].Calls, nth(200))
	f, err = r.Forecast(t.Context(), 100*aDay+10, 1<<30)
	if left, _ := f.Left(); err != nil || left.Round(24*time.Hour) != 100*24*time.Hour {
		t.Errorf("got %+v, full in %v, %v", f, left, err)
	}
}

func TestForecastOfAnEmptyFolder(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	r := h.reaper(nil)
	defer r.Close()
	f, err := r.Forecast(t.Context(), 1000, 1000)
	if _, ok := f.Left(); err != nil || ok || f.Growth != 0 || f.Days != 0 {
		t.Errorf("got %+v, %v", f, err)
	}
	r.Tell(f)
	h.put(1, h.now, "wav") // today is not over: nothing is known of the growth yet
	if f, err := r.Forecast(t.Context(), 1000, 1000); err != nil || f.Growth != 0 || f.Kept != 300 {
		t.Errorf("got %+v, %v", f, err)
	}
}

// The days ahead, walked with every recording by itself.
func TestForecastAgreesWithALifeThatIsLived(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for try := range 8 {
		h := newHouse(t, memory(t))
		h.rules.Keep = 3
		goes := map[int]int64{}
		for day := 1; day <= 90; day++ {
			at := time.Date(2027, 6, 15-day, 12, 0, 0, 0, baku)
			h.put(day, at, "wav")
			due := retention.Over(at, 3, baku)
			goes[daysBetween(startOf(h.now, baku), startOf(due, baku))] += 300
		}
		r := h.reaper(nil)
		free := int64(random.IntN(100 * 300))
		f, err := r.Forecast(t.Context(), free, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		room, full := free, -1
		for day := range 90 { // later ones are not given back within these three months
			if room += goes[day] - 300; room <= 0 {
				full = day
				break
			}
		}
		left, ok := f.Left()
		if ok && full >= 0 && int(left/(24*time.Hour)) != full && int((left+3*time.Hour)/(24*time.Hour)) != full || full >= 0 && !ok {
			t.Errorf("try %d, %d bytes: full in %v, lived %d days", try, free, left, full)
		}
		r.Close()
		h.close()
	}
}
