(() => {
    // pytest-html pushes an unescaped URL and uses sessionStorage. Under some paths and in a sandboxed frame, either
    // throws, and the table would stay empty.
    const push = window.history.pushState.bind(window.history)
    window.history.pushState = (state, title, url) => {
        const query = String(url).indexOf('?')
        try {
            push(state, title, (query < 0 ? location.search && '?' : String(url).slice(query).split('#')[0]) || null)
        } catch { /* a document without a URL of its own keeps none */ }
    }
    try {
        window.sessionStorage.length
    } catch {
        const kept = new Map()
        Object.defineProperty(window, 'sessionStorage', { value: {
            getItem: key => kept.has(key) ? kept.get(key) : null,
            setItem: (key, value) => kept.set(key, String(value)),
            removeItem: key => kept.delete(key),
        } })
    }
    document.addEventListener('DOMContentLoaded', () => {
        const form = document.querySelector('.caio-filters')
        const fields = [...form.querySelectorAll('[name]')]
        form.hidden = false
        const apply = () => {
            const wanted = Object.fromEntries(fields.map(field => [field.name, field.value]))
            const text = wanted.find.toLowerCase()
            for (const mark of document.querySelectorAll('[data-caio]')) {
                const [environment, gate, ...outcome] = mark.dataset.caio.split(' ')
                const row = mark.closest('tbody.results-table-row') || mark
                row.classList.toggle('caio-filtered', Boolean(
                    wanted.environment && wanted.environment !== environment || wanted.gate && wanted.gate !== gate ||
                    wanted.outcome && wanted.outcome !== outcome.join(' ') || text && !row.textContent.toLowerCase().includes(text)))
            }
        }
        const asked = new URL(location.href).searchParams
        for (const field of fields) field.value = asked.get('caio-' + field.name) || ''
        form.addEventListener('input', () => {
            const search = new URL(location.href).searchParams
            for (const field of fields) {
                if (field.value) search.set('caio-' + field.name, field.value)
                else search.delete('caio-' + field.name)
            }
            try { window.history.replaceState(null, '', '?' + search) } catch { /* as above */ }
            const every = document.getElementById('every-check')
            if (fields.some(field => field.value)) every.open = true
            apply()
        })
        form.addEventListener('submit', event => event.preventDefault())
        document.addEventListener('keydown', event => {
            if (event.key === '/' && !event.target.closest('input, select, textarea')) {
                event.preventDefault()
                form.querySelector('[name=find]').focus()
            }
            if (event.key === 'Enter' && event.target.matches('.collapsible > .col-result')) {
                const row = `.collapsible[data-id="${event.target.parentElement.dataset.id}"]`
                event.target.click()
                document.querySelector(row + ' > .col-result').focus()
            }
        })
        // pytest-html builds its table anew at every click.
        let due = false
        new MutationObserver(() => {
            if (!due) requestAnimationFrame(() => { due = false; apply() })
            due = true
        }).observe(document.querySelector('main'), { childList: true, subtree: true })
        if (fields.some(field => field.value)) document.getElementById('every-check').open = true
        apply()
    })
})()
